// SPDX-License-Identifier: Apache-2.0
// linear: x [T, K] → x Wᵀ + bias [T, N]; linear_argmax: the same → int32 [T], of each row the first
// index of the largest; linear_add: residual [T, N] + linear. Rows of x may be strided.
#include "kernels/linear_argmax.h"
#include "kernels/operators/operators.h"
#include "kernels/operators/rows.h"

static bool check(const Tensor *inputs, int count, const Matrix *matrix, Error *error) {
  return rows_check_count(count, 1, 1, error) &&
         rows_check_shape(&inputs[0], "x", 2, (int64_t[]){-1, matrix->columns}, error) &&
         rows_check_float(&inputs[0], "x", error);
}

static bool linear_infer(const Tensor *inputs, int count, const void *attributes, Tensor *output,
                         Error *error) {
  const Matrix *matrix = ((const MatrixAttributes *)attributes)->matrix;
  if (!check(inputs, count, matrix, error)) return false;
  int64_t shape[2] = {inputs[0].shape[0], matrix->rows};
  *output = tensor_dense(DTYPE_F32, 2, shape, NULL);
  return true;
}

static int64_t linear_scratch(const Kernels *kernels, const Tensor *inputs, int count,
                              const void *attributes, int threads) {
  (void)kernels, (void)count;
  const MatrixAttributes *a = attributes;
  return linear_plan_scratch_bytes(&a->plan, inputs[0].shape[0], a->matrix->columns, threads);
}

static Linear linear_of(const Tensor *x, const void *attributes, const Tensor *output,
                        void *scratch) {
  const MatrixAttributes *a = attributes;
  return (Linear){.x = x->data,
                  .x_stride = x->stride[0],
                  .rows = x->shape[0],
                  .matrix = a->matrix,
                  .y = output->data,
                  .y_stride = output->stride[0],
                  .scratch = scratch,
                  .plan = &a->plan};
}

static void linear_part(const OperatorPart *part, const Tensor *inputs, int count,
                        const void *attributes, Tensor *output) {
  (void)count;
  Linear linear = linear_of(&inputs[0], attributes, output, part->scratch);
  linear_run_part(part->kernels, part->team, &linear, part->thread, part->threads);
}

static bool linear_small(const Tensor *inputs, const void *attributes, const Tensor *output) {
  (void)output;
  return rows_small_product(&inputs[0], ((const MatrixAttributes *)attributes)->matrix);
}

// From outside a task: in tasks without barriers, which do not wait for a worker that has no core.
static void linear_operator_run(const OperatorContext *context, const Tensor *inputs, int count,
                                const void *attributes, Tensor *output) {
  int64_t bytes =
      linear_scratch(context->kernels, inputs, count, attributes, team_size(context->team));
  Linear linear =
      linear_of(&inputs[0], attributes, output, arena_take(context->scratch, (size_t)bytes));
  linear_run(context->kernels, context->team, &linear);
}

const Operator linear_operator = {.name = "linear",
                                  .attributes_size = sizeof(MatrixAttributes),
                                  .written = -1,
                                  .infer = linear_infer,
                                  .part = linear_part,
                                  .scratch_bytes = linear_scratch,
                                  .small = linear_small,
                                  .run = linear_operator_run};

Tensor ops_linear(Ops *ops, const Tensor *x, const Matrix *matrix) {
  MatrixAttributes attributes = {.matrix = matrix};
  return ops_apply(ops, &linear_operator, x, 1, &attributes);
}

static bool add_infer(const Tensor *inputs, int count, const void *attributes, Tensor *output,
                      Error *error) {
  const Matrix *matrix = ((const MatrixAttributes *)attributes)->matrix;
  if (!rows_check_count(count, 2, 2, error) || !check(inputs, 1, matrix, error)) return false;
  int64_t shape[2] = {inputs[0].shape[0], matrix->rows};
  if (!rows_check_shape(&inputs[1], "residual", 2, shape, error) ||
      !rows_check_float(&inputs[1], "residual", error))
    return false;
  *output = tensor_dense(DTYPE_F32, 2, shape, NULL);
  return true;
}

static void add_part(const OperatorPart *part, const Tensor *inputs, int count,
                     const void *attributes, Tensor *output) {
  (void)count;
  Linear linear = linear_of(&inputs[0], attributes, output, part->scratch);
  linear.epilogue = (Epilogue){.residual = inputs[1].data, .residual_stride = inputs[1].stride[0]};
  linear_run_part(part->kernels, part->team, &linear, part->thread, part->threads);
}

const Operator linear_add_operator = {.name = "linear_add",
                                      .attributes_size = sizeof(MatrixAttributes),
                                      .written = -1,
                                      .infer = add_infer,
                                      .part = add_part,
                                      .scratch_bytes = linear_scratch,
                                      .small = linear_small};

Tensor ops_linear_add(Ops *ops, const Tensor *x, const Matrix *matrix, const Tensor *residual) {
  Tensor inputs[] = {*x, *residual};
  MatrixAttributes attributes = {.matrix = matrix};
  return ops_apply_kept(ops, &linear_add_operator, inputs, 2, &attributes);
}

static bool argmax_infer(const Tensor *inputs, int count, const void *attributes, Tensor *output,
                         Error *error) {
  if (!check(inputs, count, ((const MatrixAttributes *)attributes)->matrix, error)) return false;
  *output = tensor_dense(DTYPE_I32, 1, inputs[0].shape, NULL);
  return true;
}

static int64_t argmax_scratch(const Kernels *kernels, const Tensor *inputs, int count,
                              const void *attributes, int threads) {
  (void)count;
  const Matrix *matrix = ((const MatrixAttributes *)attributes)->matrix;
  return linear_argmax_scratch_bytes(kernels, inputs[0].shape[0], matrix, threads);
}

static Linear without_y(const Tensor *x, const void *attributes, void *scratch) {
  return (Linear){.x = x->data,
                  .x_stride = x->stride[0],
                  .rows = x->shape[0],
                  .matrix = ((const MatrixAttributes *)attributes)->matrix,
                  .scratch = scratch};
}

static void argmax_part(const OperatorPart *part, const Tensor *inputs, int count,
                        const void *attributes, Tensor *output) {
  (void)count;
  Linear linear = without_y(&inputs[0], attributes, part->scratch);
  linear_argmax_run_part(part->kernels, part->team, &linear, output->data, part->thread,
                         part->threads);
}

static void argmax_run(const OperatorContext *context, const Tensor *inputs, int count,
                       const void *attributes, Tensor *output) {
  int64_t scratch =
      argmax_scratch(context->kernels, inputs, count, attributes, team_size(context->team));
  Linear linear = without_y(&inputs[0], attributes, arena_take(context->scratch, (size_t)scratch));
  linear_argmax_run(context->kernels, context->team, &linear, output->data);
}

const Operator linear_argmax_operator = {.name = "linear_argmax",
                                         .attributes_size = sizeof(MatrixAttributes),
                                         .written = -1,
                                         .infer = argmax_infer,
                                         .part = argmax_part,
                                         .scratch_bytes = argmax_scratch,
                                         .run = argmax_run};

Tensor ops_linear_argmax(Ops *ops, const Tensor *x, const Matrix *matrix) {
  MatrixAttributes attributes = {.matrix = matrix};
  return ops_apply(ops, &linear_argmax_operator, x, 1, &attributes);
}
