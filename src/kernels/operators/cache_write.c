// SPDX-License-Identifier: Apache-2.0
// cache_write: x [batch, heads, M, D] rounded into cache [batch, heads, capacity, D] at rows past …
// of each sequence; the output is the cache.
#include "kernels/operators/operators.h"
#include "kernels/operators/rows.h"

typedef struct {
  const Kernels *kernels;
  const Tensor *x, *cache, *past;
} Job;

static bool cache_write_infer(const Tensor *inputs, int count, const void *attributes,
                              Tensor *output, Error *error) {
  (void)attributes, (void)output;
  const Tensor *x = &inputs[0], *cache = &inputs[1];
  if (!rows_check_count(count, 3, 3, error) ||
      !rows_check_shape(x, "x", 4, (int64_t[]){-1, -1, -1, -1}, error) ||
      !rows_check_float(x, "x", error) ||
      !rows_check_shape(cache, "cache", 4, (int64_t[]){x->shape[0], x->shape[1], -1, x->shape[3]},
                        error) ||
      !rows_check_shape(&inputs[2], "past", 1, x->shape, error))
    return false;
  if (!dtype_is_compute(cache->dtype) || cache->stride[3] != 1 || x->shape[2] > cache->shape[2])
    return error_set(error, ERROR_ARGUMENT, "cache",
                     "is not dense rows of a compute dtype, or full");
  return true;
}

static void cache_write_rows(const void *job, int64_t begin, int64_t end) {
  const Job *j = job;
  const int64_t *shape = j->x->shape, *stride = j->cache->stride, *past = rows_past(j->past);
  size_t bytes = (size_t)dtype_facts(j->cache->dtype)->block_bytes;
  for (int64_t row = begin; row < end; row++) {
    int64_t query = row % shape[2], head = row / shape[2] % shape[1];
    int64_t sequence = row / shape[2] / shape[1];
    int64_t offset = sequence * stride[0] + head * stride[1] + (past[sequence] + query) * stride[2];
    j->kernels->narrow(j->cache->dtype, shape[3], rows_at(j->x, row),
                       (unsigned char *)j->cache->data + (size_t)offset * bytes);
  }
}

static void cache_write_part(const OperatorPart *part, const Tensor *inputs, int count,
                             const void *attributes, Tensor *output) {
  (void)count, (void)attributes, (void)output;
  Job job = {part->kernels, &inputs[0], &inputs[1], &inputs[2]};
  rows_part(part, rows_count(&inputs[0]), cache_write_rows, &job);
}

const Operator cache_write_operator = {.name = "cache_write",
                                       .written = 1,
                                       .infer = cache_write_infer,
                                       .part = cache_write_part,
                                       .small = rows_small};

Tensor ops_cache_write(Ops *ops, const Tensor *x, const Tensor *cache, const Tensor *past) {
  Tensor inputs[] = {*x, *cache, *past};
  return ops_apply(ops, &cache_write_operator, inputs, 3, NULL);
}
