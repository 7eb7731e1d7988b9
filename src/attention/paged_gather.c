// SPDX-License-Identifier: Apache-2.0
#include "attention/head_rows.h"
#include "attention/paged_pass.h"
#include <string.h>

enum { MOST_GATHERED = 2 << 20 }; // elements of the keys of sequences that are served together

// Ops inside an operator: what an implementation calls runs at once, in the operator's scratch.
typedef struct {
  Ops ops; // first
  const OperatorContext *context;
} InnerOps;

static void inner_apply(Ops *ops, const Operator *op, const Tensor *inputs, int count,
                        const void *attributes, bool kept, Tensor *output) {
  const OperatorContext *context = ((InnerOps *)ops)->context;
  int64_t bytes;
  (void)kept;
  if (op->written < 0) {
    if (!dtype_bytes(output->dtype, tensor_elements(output), &bytes)) {
      error_set(&ops->error, ERROR_MEMORY, NULL, "an activation is too large");
      return;
    }
    *output = tensor_dense(output->dtype, output->rank, output->shape, NULL);
    output->data = arena_take(context->scratch, (size_t)bytes);
  }
  ArenaMark mark = arena_mark(context->scratch);
  operator_run(op, context, inputs, count, attributes, output);
  arena_restore(context->scratch, mark);
}

static void inner_scope(Ops *ops) {
  (void)ops;
}

static const OpsForm inner_form = {"inner", inner_apply, inner_scope, inner_scope};

// Keys and values of some segments, copied to [segments, kv_heads, keys, D].
typedef struct {
  const PagedPass *pass;
  int64_t begin, end;
  Tensor keys, values;
} Gather;

static void copy_run(const Tensor *from, int64_t slot, const Tensor *to, int64_t batch,
                     int64_t head, int64_t key, int64_t count) {
  size_t bytes = (size_t)(count * to->shape[3] * dtype_facts(to->dtype)->block_bytes);
  memcpy(head_row(to, batch, head, key), head_row(from, 0, head, slot), bytes);
}

// One head of one segment. Keys of others are shorter: the rest is never seen, but is no NaN.
static void gather_head(const Gather *gather, int64_t index, int64_t head) {
  const PagedPass *pass = gather->pass;
  int64_t keys = paged_keys(&pass->segments[index]), batch = index - gather->begin, slot;
  for (int64_t key = 0, count; key < keys; key += count) {
    count = paged_run(pass, index, key, keys - key, &slot);
    copy_run(&pass->keys, slot, &gather->keys, batch, head, key, count);
    copy_run(&pass->values, slot, &gather->values, batch, head, key, count);
  }
  int64_t row = gather->keys.shape[3] * dtype_facts(gather->keys.dtype)->block_bytes;
  size_t rest = (size_t)((gather->keys.shape[2] - keys) * row);
  memset(head_row(&gather->keys, batch, head, keys), 0, rest);
  memset(head_row(&gather->values, batch, head, keys), 0, rest);
}

static void gather_task(void *context, int thread, int threads) {
  const Gather *gather = context;
  int64_t heads = gather->pass->spec.kv_heads, begin, end;
  team_share((gather->end - gather->begin) * heads, 1, thread, threads, &begin, &end);
  for (int64_t i = begin; i < end; i++) gather_head(gather, gather->begin + i / heads, i % heads);
}

static Tensor take(const PagedPass *pass, Dtype dtype, int rank, const int64_t *shape) {
  Tensor tensor = tensor_dense(dtype, rank, shape, NULL);
  size_t bytes = (size_t)(tensor_elements(&tensor) * dtype_facts(dtype)->block_bytes);
  tensor.data = arena_take(pass->context->scratch, bytes);
  return tensor;
}

static int64_t longest(const PagedPass *pass, int64_t begin, int64_t end) {
  int64_t most = 0;
  for (int64_t i = begin; i < end; i++)
    if (paged_keys(&pass->segments[i]) > most) most = paged_keys(&pass->segments[i]);
  return most;
}

int64_t paged_gather_count(const PagedPass *pass, int64_t begin) {
  int64_t end = begin + 1, most = longest(pass, begin, end), lines = pass->spec.kv_heads;
  if (pass->segments[begin].rows > 1) return 1;
  for (; end < pass->count && pass->segments[end].rows == 1; end++) {
    int64_t keys = paged_keys(&pass->segments[end]);
    if (keys > most) most = keys;
    if ((end + 1 - begin) * most * lines * pass->spec.head_dim > MOST_GATHERED) break;
  }
  return end - begin;
}

// Queries [rows, heads, 1, D] of the segments as [batch, heads, M, D].
static Tensor queries_of(const PagedPass *pass, int64_t begin, int64_t batch, int64_t rows) {
  const Tensor *q = &pass->queries;
  int64_t first = pass->segments[begin].first;
  return (Tensor){.dtype = q->dtype,
                  .rank = 4,
                  .shape = {batch, q->shape[1], rows, q->shape[3]},
                  .stride = {rows * q->stride[0], q->stride[1], q->stride[0], 1},
                  .data = head_row(q, first, 0, 0)};
}

void paged_gather_run(const PagedPass *pass, int64_t begin, int64_t end) {
  ArenaMark mark = arena_mark(pass->context->scratch);
  int64_t batch = end - begin, rows = pass->segments[begin].rows;
  AttentionSpec spec = pass->spec;
  spec.batch = batch;
  spec.queries = rows;
  spec.keys = longest(pass, begin, end);
  int64_t shape[4] = {batch, spec.kv_heads, spec.keys, spec.head_dim};
  Gather gather = {pass, begin, end, take(pass, spec.dtype, 4, shape),
                   take(pass, spec.dtype, 4, shape)};
  team_run(pass->context->team, gather_task, &gather);
  Tensor past = take(pass, DTYPE_I64, 1, &batch);
  for (int64_t i = 0; i < batch; i++) ((int64_t *)past.data)[i] = pass->segments[begin + i].past;
  InnerOps inner = {.ops = {.form = &inner_form}, .context = pass->context};
  AttentionInputs inputs = {.queries = queries_of(pass, begin, batch, rows),
                            .keys = gather.keys,
                            .values = gather.values,
                            .past = past,
                            .prepared = pass->prepared};
  Tensor made = pass->paged->attention->forward(&inner.ops, &spec, &inputs);
  int64_t row = pass->output.stride[0];
  float *to = (float *)pass->output.data + pass->segments[begin].first * row;
  size_t bytes = (size_t)(batch * rows * row) * sizeof(float);
  // A failure cannot be told from here; it shows, in logits that are no numbers.
  if (ops_failed(&inner.ops))
    memset(to, 0xFF, bytes);
  else
    memcpy(to, made.data, bytes);
  arena_restore(pass->context->scratch, mark);
}
