// SPDX-License-Identifier: Apache-2.0
#include "attention/paged.h"
#include "attention/paged_pass.h"
#include "kernels/operators/rows.h"
#include <string.h>

enum { QUERIES, KEYS, VALUES, COUNT, SEGMENTS, BLOCKS, INPUTS };
static const char prefix[] = "paged|";

typedef struct {
  const Attention *attention;
  void *prepared;
  int64_t in_place, window, block_size;
  double scale;
} PagedAttributes;

bool paged_attention_find(const char *name, const char *backend, PagedAttention *paged,
                          Error *error) {
  static const struct {
    const char *name, *paged;
    bool in_place;
  } known[] = {{"eager", "paged|eager", false},
               {"sdpa", "paged|sdpa", false},
               {"flash_attention_2", "paged|flash_attention_2", true},
               {"flex_attention", "paged|flex_attention", false}};
  const char *inner = strncmp(name, prefix, sizeof prefix - 1) ? name : name + sizeof prefix - 1;
  const Attention *attention = attention_find(inner, backend, error);
  if (!attention) return false;
  for (size_t i = 0; i < COUNT_OF(known); i++) {
    if (strcmp(inner, known[i].name) != 0) continue;
    *paged = (PagedAttention){known[i].paged, attention, known[i].in_place};
    return true;
  }
  return error_set(error, ERROR_UNSUPPORTED, NULL, "attention %s: no form over pages", inner);
}

static bool paged_infer(const Tensor *inputs, int count, const void *attributes, Tensor *output,
                        Error *error) {
  const PagedAttributes *a = attributes;
  const Tensor *q = &inputs[QUERIES], *k = &inputs[KEYS];
  if (!rows_check_count(count, INPUTS, INPUTS, error) ||
      !rows_check_shape(q, "queries", 4, (int64_t[]){-1, -1, 1, -1}, error) ||
      !rows_check_float(q, "queries", error) ||
      !rows_check_shape(k, "keys", 4, (int64_t[]){-1, -1, -1, q->shape[3]}, error) ||
      !rows_check_shape(&inputs[VALUES], "values", 4, k->shape, error) ||
      !rows_check_shape(&inputs[COUNT], "count", 1, (int64_t[]){1}, error) ||
      !rows_check_shape(&inputs[SEGMENTS], "segments", 2, (int64_t[]){-1, PAGED_SEGMENT_FIELDS},
                        error) ||
      !rows_check_shape(&inputs[BLOCKS], "blocks", 2, (int64_t[]){inputs[SEGMENTS].shape[0], -1},
                        error))
    return false;
  if (a->block_size < 1 || k->shape[2] % a->block_size)
    return error_set(error, ERROR_ARGUMENT, "keys", "are %lld slots, expected blocks of %lld",
                     (long long)k->shape[2], (long long)a->block_size);
  int64_t shape[2] = {q->shape[0], q->shape[1] * q->shape[3]};
  *output = tensor_dense(DTYPE_F32, 2, shape, NULL);
  return true;
}

static PagedPass pass_of(const OperatorContext *context, const PagedAttention *paged,
                         const Tensor *inputs, const PagedAttributes *a, const Tensor *output) {
  const Tensor *q = &inputs[QUERIES], *k = &inputs[KEYS];
  PagedPass pass = {.context = context,
                    .paged = paged,
                    .spec = {.heads = q->shape[1],
                             .kv_heads = k->shape[1],
                             .head_dim = q->shape[3],
                             .window = a->window,
                             .scale = a->scale,
                             .dtype = k->dtype},
                    .prepared = a->prepared,
                    .queries = *q,
                    .keys = *k,
                    .values = inputs[VALUES],
                    .output = *output,
                    .segments = inputs[SEGMENTS].data,
                    .count = *(const int64_t *)inputs[COUNT].data,
                    .blocks = inputs[BLOCKS].data,
                    .blocks_row = inputs[BLOCKS].shape[1],
                    .block_size = a->block_size};
  pass.keys.shape[0] = pass.values.shape[0] = 1;
  return pass;
}

static void clear_padding(const PagedPass *pass) {
  const PagedSegment *last = &pass->segments[pass->count - 1];
  int64_t used = pass->count ? last->first + last->rows : 0, row = pass->output.stride[0];
  memset((float *)pass->output.data + used * row, 0,
         (size_t)((pass->output.shape[0] - used) * row) * sizeof(float));
}

static void paged_run_pass(const OperatorContext *context, const Tensor *inputs, int count,
                           const void *attributes, Tensor *output) {
  (void)count;
  const PagedAttributes *a = attributes;
  PagedAttention paged = {NULL, a->attention, a->in_place};
  PagedPass pass = pass_of(context, &paged, inputs, a, output);
  clear_padding(&pass);
  if (a->in_place) paged_decode_run(&pass);
  for (int64_t i = 0, taken; i < pass.count; i += taken) {
    taken = 1;
    if (a->in_place && pass.segments[i].rows == 1) continue;
    taken = paged_gather_count(&pass, i);
    paged_gather_run(&pass, i, i + taken);
  }
}

static const Operator paged_operator = {.name = "paged_attention",
                                        .attributes_size = sizeof(PagedAttributes),
                                        .written = -1,
                                        .infer = paged_infer,
                                        .run = paged_run_pass};

Tensor paged_attention(Ops *ops, const PagedAttention *paged, const AttentionSpec *spec,
                       const PagedInputs *inputs) {
  const PagedPlaces *places = &inputs->places;
  Tensor tensors[INPUTS] = {inputs->queries, inputs->keys,     inputs->values,
                            places->count,   places->segments, places->blocks};
  PagedAttributes attributes = {paged->attention, inputs->prepared,   paged->in_place,
                                spec->window,     places->block_size, spec->scale};
  return ops_apply(ops, &paged_operator, tensors, INPUTS, &attributes);
}
