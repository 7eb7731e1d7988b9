// SPDX-License-Identifier: Apache-2.0
// activation, multiply, add, scale: element by element over [.., C] of equal shapes; rows may be
// strided. scale works in place.
#include "kernels/operators/operators.h"
#include "kernels/operators/rows.h"

typedef struct {
  const Kernels *kernels;
  const Tensor *a, *b;
  Activation activation;
  float factor;
  Tensor *output;
} Job;

static bool pointwise_infer(const Tensor *inputs, int count, int expected, Tensor *output,
                            Error *error) {
  if (!rows_check_count(count, expected, expected, error)) return false;
  for (int i = 0; i < count; i++)
    if (!rows_check_float(&inputs[i], i == 0 ? "a" : "b", error) ||
        !rows_check_shape(&inputs[i], "b", inputs[0].rank, inputs[0].shape, error))
      return false;
  rows_like(&inputs[0], output);
  return true;
}

static bool one_infer(const Tensor *inputs, int count, const void *attributes, Tensor *output,
                      Error *error) {
  (void)attributes;
  return pointwise_infer(inputs, count, 1, output, error);
}

static bool two_infer(const Tensor *inputs, int count, const void *attributes, Tensor *output,
                      Error *error) {
  (void)attributes;
  return pointwise_infer(inputs, count, 2, output, error);
}

static bool scale_infer(const Tensor *inputs, int count, const void *attributes, Tensor *output,
                        Error *error) {
  (void)attributes, (void)output;
  return rows_check_count(count, 1, 1, error) && rows_check_float(&inputs[0], "a", error);
}

static void activation_rows(const void *job, int64_t begin, int64_t end) {
  const Job *j = job;
  for (int64_t row = begin; row < end; row++)
    j->kernels->activate(j->activation, j->output->shape[j->output->rank - 1], rows_at(j->a, row),
                         rows_at(j->output, row));
}

static void multiply_rows(const void *job, int64_t begin, int64_t end) {
  const Job *j = job;
  for (int64_t row = begin; row < end; row++)
    j->kernels->multiply(j->output->shape[j->output->rank - 1], rows_at(j->a, row),
                         rows_at(j->b, row), rows_at(j->output, row));
}

static void add_rows(const void *job, int64_t begin, int64_t end) {
  const Job *j = job;
  for (int64_t row = begin; row < end; row++)
    j->kernels->add(j->output->shape[j->output->rank - 1], rows_at(j->a, row), rows_at(j->b, row),
                    rows_at(j->output, row));
}

static void scale_rows(const void *job, int64_t begin, int64_t end) {
  const Job *j = job;
  for (int64_t row = begin; row < end; row++) {
    float *y = rows_at(j->output, row);
    j->kernels->scale(j->output->shape[j->output->rank - 1], y, j->factor, y);
  }
}

static void run(const OperatorPart *part, Job *job, Tensor *output, RowTask *task) {
  job->kernels = part->kernels;
  job->output = output;
  rows_part(part, rows_count(output), task, job);
}

static void activation_part(const OperatorPart *part, const Tensor *inputs, int count,
                            const void *attributes, Tensor *output) {
  (void)count;
  Job job = {.a = &inputs[0],
             .activation = (Activation)((const ActivationAttributes *)attributes)->activation};
  run(part, &job, output, activation_rows);
}

static void multiply_part(const OperatorPart *part, const Tensor *inputs, int count,
                          const void *attributes, Tensor *output) {
  (void)count, (void)attributes;
  Job job = {.a = &inputs[0], .b = &inputs[1]};
  run(part, &job, output, multiply_rows);
}

static void add_part(const OperatorPart *part, const Tensor *inputs, int count,
                     const void *attributes, Tensor *output) {
  (void)count, (void)attributes;
  Job job = {.a = &inputs[0], .b = &inputs[1]};
  run(part, &job, output, add_rows);
}

static void scale_part(const OperatorPart *part, const Tensor *inputs, int count,
                       const void *attributes, Tensor *output) {
  (void)inputs, (void)count;
  Job job = {.factor = (float)((const ScaleAttributes *)attributes)->factor};
  run(part, &job, output, scale_rows);
}

const Operator activation_operator = {.name = "activation",
                                      .attributes_size = sizeof(ActivationAttributes),
                                      .written = -1,
                                      .infer = one_infer,
                                      .part = activation_part,
                                      .small = rows_small};
const Operator multiply_operator = {.name = "multiply",
                                    .written = -1,
                                    .infer = two_infer,
                                    .part = multiply_part,
                                    .small = rows_small};
const Operator add_operator = {
    .name = "add", .written = -1, .infer = two_infer, .part = add_part, .small = rows_small};
const Operator scale_operator = {.name = "scale",
                                 .attributes_size = sizeof(ScaleAttributes),
                                 .written = 0,
                                 .infer = scale_infer,
                                 .part = scale_part,
                                 .small = rows_small};

Tensor ops_activation(Ops *ops, const Tensor *x, Activation activation) {
  ActivationAttributes attributes = {(int64_t)activation};
  return ops_apply(ops, &activation_operator, x, 1, &attributes);
}

Tensor ops_multiply(Ops *ops, const Tensor *a, const Tensor *b) {
  Tensor inputs[] = {*a, *b};
  return ops_apply(ops, &multiply_operator, inputs, 2, NULL);
}

Tensor ops_add(Ops *ops, const Tensor *a, const Tensor *b) {
  Tensor inputs[] = {*a, *b};
  return ops_apply(ops, &add_operator, inputs, 2, NULL);
}

Tensor ops_add_residual(Ops *ops, const Tensor *a, const Tensor *b) {
  Tensor inputs[] = {*a, *b};
  return ops_apply_kept(ops, &add_operator, inputs, 2, NULL);
}

Tensor ops_scale(Ops *ops, const Tensor *x, double factor) {
  ScaleAttributes attributes = {factor};
  return ops_apply(ops, &scale_operator, x, 1, &attributes);
}
