// SPDX-License-Identifier: Apache-2.0
// rope_cache: qkv [batch * M, (heads + 2 kv_heads) D] → queries [batch, heads, M, D]; keys and
// values rounded into [batch, kv_heads, capacity, D] at rows slots …. One pass over a token: split,
// norm, rotation, cache.
#include "kernels/operators/operators.h"
#include "kernels/operators/rows.h"
#include <string.h>

enum { QKV, COSINE, SINE, PAST, SLOTS, KEYS, VALUES, INPUTS };

typedef struct {
  const Kernels *kernels;
  const Tensor *inputs;
  const RopeCacheAttributes *attributes;
  Tensor *output;
  float *keys; // [D]: of the head at hand
} Job;

static bool check_cache(const Tensor *inputs, int which, const RopeCacheAttributes *a,
                        Error *error) {
  const Tensor *cache = &inputs[which];
  int64_t shape[4] = {inputs[PAST].shape[0], a->kv_heads, -1, a->head_dim};
  if (!rows_check_shape(cache, which == KEYS ? "keys" : "values", 4, shape, error)) return false;
  if (dtype_is_compute(cache->dtype) && cache->stride[3] == 1) return true;
  return error_set(error, ERROR_ARGUMENT, "cache", "is not dense rows of a compute dtype");
}

static bool rope_cache_infer(const Tensor *inputs, int count, const void *attributes,
                             Tensor *output, Error *error) {
  const RopeCacheAttributes *a = attributes;
  int64_t columns = (a->heads + 2 * a->kv_heads) * a->head_dim;
  if (!rows_check_count(count, INPUTS, INPUTS, error) ||
      !rows_check_shape(&inputs[QKV], "qkv", 2, (int64_t[]){-1, columns}, error) ||
      !rows_check_float(&inputs[QKV], "qkv", error) ||
      !rows_check_shape(&inputs[PAST], "past", 1, (int64_t[]){-1}, error) ||
      !rows_check_shape(&inputs[SLOTS], "slots", 1, inputs[PAST].shape, error) ||
      !check_cache(inputs, KEYS, a, error) || !check_cache(inputs, VALUES, a, error))
    return false;
  int64_t batch = inputs[PAST].shape[0];
  if (batch < 1 || inputs[QKV].shape[0] % batch)
    return error_set(error, ERROR_ARGUMENT, "qkv", "has rows that sequences do not divide");
  int64_t shape[4] = {batch, a->heads, inputs[QKV].shape[0] / batch, a->head_dim};
  *output = tensor_dense(DTYPE_F32, 4, shape, NULL);
  return true;
}

// `count` heads beginning at y: norm and rotation, in place.
static void prepare(const Job *job, int64_t position, int64_t count, int64_t stride,
                    const float *norm, float *y) {
  const RopeCacheAttributes *a = job->attributes;
  for (int64_t head = 0; norm && head < count; head++) {
    float *row = y + head * stride;
    job->kernels->rms_norm(a->head_dim, row, norm, (float)a->epsilon, row);
  }
  const Tensor *cosine = &job->inputs[COSINE];
  if (a->rotate)
    job->kernels->rope(count, stride, cosine->shape[1], rows_at(cosine, position),
                       rows_at(&job->inputs[SINE], position), y);
}

static void write_cache(const Job *job, int which, int64_t sequence, int64_t head, int64_t slot,
                        const float *row) {
  const Tensor *cache = &job->inputs[which];
  int64_t bytes = dtype_facts(cache->dtype)->block_bytes;
  int64_t at = sequence * cache->stride[0] + head * cache->stride[1] + slot * cache->stride[2];
  job->kernels->narrow(cache->dtype, job->attributes->head_dim, row,
                       (char *)cache->data + at * bytes);
}

// One key head of a token, with the heads of queries that it serves.
static void run_head(const Job *job, int64_t token, int64_t head) {
  const RopeCacheAttributes *a = job->attributes;
  const int64_t *stride = job->output->stride, length = job->output->shape[2];
  int64_t sequence = token / length, query = token % length, group = a->heads / a->kv_heads;
  int64_t position = rows_past(&job->inputs[PAST])[sequence] + query;
  int64_t slot = rows_past(&job->inputs[SLOTS])[sequence] + query;
  const float *row = rows_at(&job->inputs[QKV], token);
  const float *q = row + head * group * a->head_dim;
  const float *k = row + (a->heads + head) * a->head_dim, *v = k + a->kv_heads * a->head_dim;
  float *to = (float *)job->output->data + sequence * stride[0] + head * group * stride[1] +
              query * stride[2];
  for (int64_t i = 0; i < group; i++)
    memcpy(to + i * stride[1], q + i * a->head_dim, (size_t)a->head_dim * sizeof(float));
  prepare(job, position, group, stride[1], a->query_norm, to);
  memcpy(job->keys, k, (size_t)a->head_dim * sizeof(float));
  prepare(job, position, 1, a->head_dim, a->key_norm, job->keys);
  write_cache(job, KEYS, sequence, head, slot, job->keys);
  write_cache(job, VALUES, sequence, head, slot, v);
}

static void run_heads(const void *job, int64_t begin, int64_t end) {
  int64_t kv_heads = ((const Job *)job)->attributes->kv_heads;
  for (int64_t i = begin; i < end; i++) run_head(job, i / kv_heads, i % kv_heads);
}

static int64_t head_bytes(const RopeCacheAttributes *a) {
  int64_t bytes = a->head_dim * (int64_t)sizeof(float);
  return (bytes + MATRIX_ALIGNMENT - 1) / MATRIX_ALIGNMENT * MATRIX_ALIGNMENT;
}

static int64_t rope_cache_scratch(const Kernels *kernels, const Tensor *inputs, int count,
                                  const void *attributes, int threads) {
  (void)kernels, (void)inputs, (void)count;
  return threads * head_bytes(attributes);
}

static void rope_cache_part(const OperatorPart *part, const Tensor *inputs, int count,
                            const void *attributes, Tensor *output) {
  (void)count;
  const RopeCacheAttributes *a = attributes;
  char *scratch = part->scratch;
  Job job = {part->kernels, inputs, a, output, (float *)(scratch + part->thread * head_bytes(a))};
  rows_part(part, inputs[QKV].shape[0] * a->kv_heads, run_heads, &job);
}

static bool rope_cache_small(const Tensor *inputs, const void *attributes, const Tensor *output) {
  (void)output;
  return rows_small(inputs, attributes, &inputs[QKV]);
}

const Operator rope_cache_operator = {.name = "rope_cache",
                                      .attributes_size = sizeof(RopeCacheAttributes),
                                      .written = -1,
                                      .also_written = 1u << KEYS | 1u << VALUES,
                                      .infer = rope_cache_infer,
                                      .part = rope_cache_part,
                                      .scratch_bytes = rope_cache_scratch,
                                      .small = rope_cache_small};

Tensor ops_rope_cache(Ops *ops, const Tensor *qkv, const HeadLayout *layout, const Tensor *cosine,
                      const Tensor *sine, const Tensor *past, const Tensor *slots,
                      const Tensor *keys, const Tensor *values) {
  Tensor inputs[] = {*qkv, *cosine, *sine, *past, *slots, *keys, *values};
  RopeCacheAttributes attributes = {layout->heads,  layout->kv_heads,   layout->head_dim,
                                    layout->rotate, layout->query_norm, layout->key_norm,
                                    layout->epsilon};
  return ops_apply(ops, &rope_cache_operator, inputs, INPUTS, &attributes);
}
