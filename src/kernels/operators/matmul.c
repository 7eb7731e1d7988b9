// SPDX-License-Identifier: Apache-2.0
// matmul_scores: q [batch, heads, M, D] k [batch, kv_heads, N, D]^T → [batch, heads, M, N].
// matmul_values: p [batch, heads, M, N] v [batch, kv_heads, N, D] → [batch * M, heads * D].
// Head h meets kv head h / (heads / kv_heads). k and v may have any compute dtype. With a third
// input, past [batch], only the keys that a query of the pass sees take part: scores of the others
// are not written, and their p and v not read.
#include "kernels/matmul.h"
#include "kernels/operators/operators.h"
#include "kernels/operators/rows.h"

static bool check(const Tensor *a, const Tensor *b, int64_t *shape_of_b, Error *error) {
  if (!rows_check_shape(a, "a", 4, (int64_t[]){-1, -1, -1, -1}, error) ||
      !rows_check_float(a, "a", error) || !rows_check_shape(b, "b", 4, shape_of_b, error))
    return false;
  if (!dtype_is_compute(b->dtype) || b->stride[3] != 1)
    return error_set(error, ERROR_ARGUMENT, "b", "is %s, expected dense rows of a compute dtype",
                     dtype_name(b->dtype));
  if (b->shape[1] < 1 || a->shape[1] % b->shape[1])
    return error_set(error, ERROR_ARGUMENT, "b", "has heads that do not divide those of a");
  return true;
}

enum { SMALL_PRODUCT = 4 * 1024 }; // multiplications that a fork costs more than it saves

static bool check_past(const Tensor *inputs, int count, Error *error) {
  return rows_check_count(count, 2, 3, error) &&
         (count < 3 || rows_check_shape(&inputs[2], "past", 1, inputs[0].shape, error));
}

// Of `keys`, those that take part.
static int64_t seen(const Tensor *inputs, int count, int64_t keys) {
  return count < 3 ? keys : rows_seen(&inputs[2], inputs[0].shape[2], keys);
}

static bool scores_infer(const Tensor *inputs, int count, const void *attributes, Tensor *output,
                         Error *error) {
  (void)attributes;
  const Tensor *q = &inputs[0], *k = &inputs[1];
  if (!check_past(inputs, count, error) ||
      !check(q, k, (int64_t[]){q->shape[0], -1, -1, q->shape[3]}, error))
    return false;
  int64_t shape[4] = {q->shape[0], q->shape[1], q->shape[2], k->shape[2]};
  *output = tensor_dense(DTYPE_F32, 4, shape, NULL);
  return true;
}

static bool values_infer(const Tensor *inputs, int count, const void *attributes, Tensor *output,
                         Error *error) {
  (void)attributes;
  const Tensor *p = &inputs[0], *v = &inputs[1];
  if (!check_past(inputs, count, error) ||
      !check(p, v, (int64_t[]){p->shape[0], -1, p->shape[3], -1}, error))
    return false;
  int64_t shape[2] = {p->shape[0] * p->shape[2], p->shape[1] * v->shape[3]};
  *output = tensor_dense(DTYPE_F32, 2, shape, NULL);
  return true;
}

// All but the shape of C, which the two operators lay out differently.
static Matmul product(const OperatorPart *part, const Tensor *a, const Tensor *b) {
  return (Matmul){.batches = a->shape[0],
                  .heads = a->shape[1],
                  .group = a->shape[1] / b->shape[1],
                  .rows = a->shape[2],
                  .a = a->data,
                  .a_row = a->stride[2],
                  .a_head = a->stride[1],
                  .a_batch = a->stride[0],
                  .dtype = b->dtype,
                  .b = b->data,
                  .b_row = b->stride[2],
                  .b_head = b->stride[1],
                  .b_batch = b->stride[0],
                  .scratch = part->scratch};
}

static void scores_part(const OperatorPart *part, const Tensor *inputs, int count,
                        const void *attributes, Tensor *output) {
  (void)attributes;
  Matmul matmul = product(part, &inputs[0], &inputs[1]);
  matmul.transposed = true;
  matmul.columns = seen(inputs, count, inputs[1].shape[2]);
  matmul.depth = inputs[1].shape[3];
  matmul.c = output->data;
  matmul.c_row = output->stride[2];
  matmul.c_head = output->stride[1];
  matmul.c_batch = output->stride[0];
  matmul_run_part(part->kernels, &matmul, part->thread, part->threads);
}

static void values_part(const OperatorPart *part, const Tensor *inputs, int count,
                        const void *attributes, Tensor *output) {
  (void)attributes;
  Matmul matmul = product(part, &inputs[0], &inputs[1]);
  matmul.columns = inputs[1].shape[3];
  matmul.depth = seen(inputs, count, inputs[1].shape[2]);
  matmul.c = output->data;
  matmul.c_row = output->shape[1];
  matmul.c_head = matmul.columns;
  matmul.c_batch = matmul.rows * output->shape[1];
  matmul_run_part(part->kernels, &matmul, part->thread, part->threads);
}

static int64_t product_scratch(const Kernels *kernels, const Tensor *inputs, int count,
                               const void *attributes, int threads) {
  (void)kernels, (void)inputs, (void)count, (void)attributes;
  return matmul_scratch_bytes(threads);
}

static bool product_small(const Tensor *inputs, const void *attributes, const Tensor *output) {
  (void)attributes, (void)output;
  return tensor_elements(&inputs[0]) * inputs[1].shape[2] / inputs[0].shape[3] *
             inputs[1].shape[3] <
         SMALL_PRODUCT;
}

const Operator matmul_scores_operator = {.name = "matmul_scores",
                                         .written = -1,
                                         .infer = scores_infer,
                                         .part = scores_part,
                                         .scratch_bytes = product_scratch,
                                         .small = product_small};
const Operator matmul_values_operator = {.name = "matmul_values",
                                         .written = -1,
                                         .infer = values_infer,
                                         .part = values_part,
                                         .scratch_bytes = product_scratch,
                                         .small = product_small};

Tensor ops_matmul_scores(Ops *ops, const Tensor *q, const Tensor *k) {
  Tensor inputs[] = {*q, *k};
  return ops_apply(ops, &matmul_scores_operator, inputs, 2, NULL);
}

Tensor ops_matmul_values(Ops *ops, const Tensor *p, const Tensor *v) {
  Tensor inputs[] = {*p, *v};
  return ops_apply(ops, &matmul_values_operator, inputs, 2, NULL);
}
