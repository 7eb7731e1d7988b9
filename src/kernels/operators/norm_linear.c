// SPDX-License-Identifier: Apache-2.0
// norm_linear: act(norm(x) Wᵀ + bias); norm_argmax: of each row the first index of its largest
// element. gated_linear: act(norm(x) Wgᵀ) (norm(x) Wuᵀ), the rows of W being those of Wg, then of
// Wu. x [T, K], the norm's weight [, bias] [K].
#include "kernels/linear_argmax.h"
#include "kernels/operators/fused.h"

static Linear linear_of(const OperatorPart *part, const Tensor *inputs, int count,
                        const FusedAttributes *attributes) {
  int64_t bytes = fused_norm_bytes(part->kernels, inputs, attributes, part->threads);
  return (Linear){.x = fused_norm(part, inputs, count, attributes),
                  .x_stride = attributes->matrix->columns,
                  .rows = inputs[0].shape[0],
                  .matrix = attributes->matrix,
                  .scratch = (char *)part->scratch + bytes,
                  .plan = &attributes->plan};
}

static bool linear_infer(const Tensor *inputs, int count, const void *attributes, Tensor *output,
                         Error *error) {
  const FusedAttributes *fused = attributes;
  int64_t shape[2] = {inputs[0].shape[0], fused->matrix->rows};
  if (!fused_check(inputs, count, fused, error)) return false;
  *output = tensor_dense(DTYPE_F32, 2, shape, NULL);
  return true;
}

static int64_t linear_scratch(const Kernels *kernels, const Tensor *inputs, int count,
                              const void *attributes, int threads) {
  (void)count;
  const FusedAttributes *fused = attributes;
  return fused_norm_bytes(kernels, inputs, fused, threads) +
         linear_plan_scratch_bytes(&fused->plan, inputs[0].shape[0], fused->matrix->columns,
                                   threads);
}

static void linear_part(const OperatorPart *part, const Tensor *inputs, int count,
                        const void *attributes, Tensor *output) {
  Linear linear = linear_of(part, inputs, count, attributes);
  linear.epilogue.activation = (Activation)((const FusedAttributes *)attributes)->activation;
  linear.y = output->data;
  linear.y_stride = output->stride[0];
  linear_run_part(part->kernels, part->team, &linear, part->thread, part->threads);
}

static bool linear_small(const Tensor *inputs, const void *attributes, const Tensor *output) {
  (void)output;
  return rows_small_product(&inputs[0], ((const FusedAttributes *)attributes)->matrix);
}

const Operator norm_linear_operator = {.name = "norm_linear",
                                       .attributes_size = sizeof(FusedAttributes),
                                       .written = -1,
                                       .infer = linear_infer,
                                       .part = linear_part,
                                       .scratch_bytes = linear_scratch,
                                       .small = linear_small};

static bool gated_infer(const Tensor *inputs, int count, const void *attributes, Tensor *output,
                        Error *error) {
  const FusedAttributes *fused = attributes;
  int64_t shape[2] = {inputs[0].shape[0], fused->matrix->rows / 2};
  if (!fused_check(inputs, count, fused, error)) return false;
  *output = tensor_dense(DTYPE_F32, 2, shape, NULL);
  return true;
}

// Gate and up [T, 2 I], behind what the product itself wants.
static int64_t gated_scratch(const Kernels *kernels, const Tensor *inputs, int count,
                             const void *attributes, int threads) {
  const FusedAttributes *fused = attributes;
  return linear_scratch(kernels, inputs, count, attributes, threads) +
         inputs[0].shape[0] * fused->matrix->rows * (int64_t)sizeof(float);
}

// Few rows: a thread multiplies the same columns of gate and up, and is done with them.
static void gate_columns(const OperatorPart *part, const Linear *linear, Activation activation,
                         Tensor *output) {
  int64_t inner = output->shape[1], panels = matrix_panels(inner), first, last;
  int threads = linear_threads(linear, part->threads);
  if (part->thread >= threads) return;
  team_share(panels, 1, part->thread, threads, &first, &last);
  if (first == last) return;
  part->kernels->linear_direct(linear, first, last);
  part->kernels->linear_direct(linear, panels + first, panels + last);
  int64_t begin = first * MATRIX_PANEL, count = (last - first) * MATRIX_PANEL;
  for (int64_t row = 0; row < linear->rows; row++) {
    const float *gate = linear->y + row * linear->y_stride + begin;
    part->kernels->activate_multiply(activation, count, gate, gate + inner,
                                     rows_at(output, row) + begin);
  }
}

static void gate_rows(const OperatorPart *part, const Linear *linear, Activation activation,
                      Tensor *output) {
  int64_t inner = output->shape[1], begin, end;
  linear_run_part(part->kernels, part->team, linear, part->thread, part->threads);
  if (part->threads > 1) team_barrier(part->team);
  team_share(linear->rows, 1, part->thread, part->threads, &begin, &end);
  for (int64_t row = begin; row < end; row++) {
    const float *gate = linear->y + row * linear->y_stride;
    part->kernels->activate_multiply(activation, inner, gate, gate + inner, rows_at(output, row));
  }
}

static void gated_part(const OperatorPart *part, const Tensor *inputs, int count,
                       const void *attributes, Tensor *output) {
  const FusedAttributes *fused = attributes;
  Linear linear = linear_of(part, inputs, count, fused);
  int64_t wanted =
      linear_plan_scratch_bytes(&fused->plan, linear.rows, fused->matrix->columns, part->threads);
  linear.y = (float *)((char *)linear.scratch + wanted);
  linear.y_stride = fused->matrix->rows;
  bool direct = linear.rows <= part->kernels->streamed_rows && output->shape[1] % MATRIX_PANEL == 0;
  (direct ? gate_columns : gate_rows)(part, &linear, (Activation)fused->activation, output);
}

const Operator gated_linear_operator = {.name = "gated_linear",
                                        .attributes_size = sizeof(FusedAttributes),
                                        .written = -1,
                                        .infer = gated_infer,
                                        .part = gated_part,
                                        .scratch_bytes = gated_scratch,
                                        .small = linear_small};

static bool argmax_infer(const Tensor *inputs, int count, const void *attributes, Tensor *output,
                         Error *error) {
  if (!fused_check(inputs, count, attributes, error)) return false;
  *output = tensor_dense(DTYPE_I32, 1, inputs[0].shape, NULL);
  return true;
}

static int64_t argmax_scratch(const Kernels *kernels, const Tensor *inputs, int count,
                              const void *attributes, int threads) {
  (void)count;
  const FusedAttributes *fused = attributes;
  return fused_norm_bytes(kernels, inputs, fused, threads) +
         linear_argmax_scratch_bytes(kernels, inputs[0].shape[0], fused->matrix, threads);
}

static void argmax_part(const OperatorPart *part, const Tensor *inputs, int count,
                        const void *attributes, Tensor *output) {
  Linear linear = linear_of(part, inputs, count, attributes);
  linear_argmax_run_part(part->kernels, part->team, &linear, output->data, part->thread,
                         part->threads);
}

// From outside a task the product forks by itself, without barriers, so the norm, of the last rows
// alone, is done before.
static void argmax_run(const OperatorContext *context, const Tensor *inputs, int count,
                       const void *attributes, Tensor *output) {
  int64_t bytes =
      argmax_scratch(context->kernels, inputs, count, attributes, team_size(context->team));
  OperatorPart alone = {context->kernels, context->team,
                        arena_take(context->scratch, (size_t)bytes), 0, 1};
  Linear linear = linear_of(&alone, inputs, count, attributes);
  linear_argmax_run(context->kernels, context->team, &linear, output->data);
}

const Operator norm_argmax_operator = {.name = "norm_argmax",
                                       .attributes_size = sizeof(FusedAttributes),
                                       .written = -1,
                                       .infer = argmax_infer,
                                       .part = argmax_part,
                                       .scratch_bytes = argmax_scratch,
                                       .run = argmax_run};

static Tensor apply(Ops *ops, const Operator *op, const Tensor *x, const NormWeights *norm,
                    const Matrix *matrix, Activation activation) {
  if (ops_failed(ops)) return (Tensor){0};
  int64_t columns = x->shape[1];
  Tensor inputs[] = {*x, ops_constant(norm->weight, columns), ops_constant(norm->bias, columns)};
  FusedAttributes attributes = {.matrix = matrix,
                                .epsilon = norm->epsilon,
                                .layer_norm = norm->layer_norm,
                                .activation = (int64_t)activation};
  return ops_apply(ops, op, inputs, norm->bias ? 3 : 2, &attributes);
}

Tensor ops_norm_linear(Ops *ops, const Tensor *x, const NormWeights *norm, const Matrix *matrix,
                       Activation activation) {
  return apply(ops, &norm_linear_operator, x, norm, matrix, activation);
}

Tensor ops_norm_argmax(Ops *ops, const Tensor *x, const NormWeights *norm, const Matrix *matrix) {
  return apply(ops, &norm_argmax_operator, x, norm, matrix, ACTIVATION_NONE);
}

Tensor ops_gated_linear(Ops *ops, const Tensor *x, const NormWeights *norm, const Matrix *matrix,
                        Activation activation) {
  return apply(ops, &gated_linear_operator, x, norm, matrix, activation);
}
