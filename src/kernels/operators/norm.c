// SPDX-License-Identifier: Apache-2.0
// rms_norm, layer_norm: over the last dimension of x (any rank, rows may be strided); weight and
// bias [C]. The output has the shape of x.
#include "kernels/operators/operators.h"
#include "kernels/operators/rows.h"

typedef struct {
  const Kernels *kernels;
  const Tensor *x;
  const float *weight, *bias;
  float epsilon;
  Tensor *output;
} Job;

static bool norm_infer(const Tensor *inputs, int most, int count, Tensor *output, Error *error) {
  if (!rows_check_count(count, 2, most, error) || !rows_check_float(&inputs[0], "x", error))
    return false;
  int64_t columns = inputs[0].shape[inputs[0].rank - 1];
  for (int i = 1; i < count; i++)
    if (!rows_check_shape(&inputs[i], i == 1 ? "weight" : "bias", 1, &columns, error)) return false;
  rows_like(&inputs[0], output);
  return true;
}

static bool rms_norm_infer(const Tensor *inputs, int count, const void *attributes, Tensor *output,
                           Error *error) {
  (void)attributes;
  return norm_infer(inputs, 2, count, output, error);
}

static bool layer_norm_infer(const Tensor *inputs, int count, const void *attributes,
                             Tensor *output, Error *error) {
  (void)attributes;
  return norm_infer(inputs, 3, count, output, error);
}

static void rms_norm_rows(const void *job, int64_t begin, int64_t end) {
  const Job *j = job;
  int64_t columns = j->x->shape[j->x->rank - 1];
  for (int64_t row = begin; row < end; row++)
    j->kernels->rms_norm(columns, rows_at(j->x, row), j->weight, j->epsilon,
                         rows_at(j->output, row));
}

static void layer_norm_rows(const void *job, int64_t begin, int64_t end) {
  const Job *j = job;
  int64_t columns = j->x->shape[j->x->rank - 1];
  for (int64_t row = begin; row < end; row++)
    j->kernels->layer_norm(columns, rows_at(j->x, row), j->weight, j->bias, j->epsilon,
                           rows_at(j->output, row));
}

static void norm_part(const OperatorPart *part, const Tensor *inputs, int count,
                      const void *attributes, Tensor *output, RowTask *task) {
  Job job = {.kernels = part->kernels,
             .x = &inputs[0],
             .weight = inputs[1].data,
             .bias = count > 2 ? inputs[2].data : NULL,
             .epsilon = (float)((const NormAttributes *)attributes)->epsilon,
             .output = output};
  rows_part(part, rows_count(output), task, &job);
}

static void rms_norm_part(const OperatorPart *part, const Tensor *inputs, int count,
                          const void *attributes, Tensor *output) {
  norm_part(part, inputs, count, attributes, output, rms_norm_rows);
}

static void layer_norm_part(const OperatorPart *part, const Tensor *inputs, int count,
                            const void *attributes, Tensor *output) {
  norm_part(part, inputs, count, attributes, output, layer_norm_rows);
}

const Operator rms_norm_operator = {.name = "rms_norm",
                                    .attributes_size = sizeof(NormAttributes),
                                    .written = -1,
                                    .infer = rms_norm_infer,
                                    .part = rms_norm_part,
                                    .small = rows_small};
const Operator layer_norm_operator = {.name = "layer_norm",
                                      .attributes_size = sizeof(NormAttributes),
                                      .written = -1,
                                      .infer = layer_norm_infer,
                                      .part = layer_norm_part,
                                      .small = rows_small};

Tensor ops_rms_norm(Ops *ops, const Tensor *x, const float *weight, double epsilon) {
  if (ops_failed(ops)) return (Tensor){0};
  Tensor inputs[] = {*x, ops_constant(weight, x->shape[x->rank - 1])};
  NormAttributes attributes = {epsilon};
  return ops_apply(ops, &rms_norm_operator, inputs, 2, &attributes);
}

Tensor ops_layer_norm(Ops *ops, const Tensor *x, const float *weight, const float *bias,
                      double epsilon) {
  if (ops_failed(ops)) return (Tensor){0};
  int64_t columns = x->shape[x->rank - 1];
  Tensor inputs[] = {*x, ops_constant(weight, columns), ops_constant(bias, columns)};
  NormAttributes attributes = {epsilon};
  return ops_apply(ops, &layer_norm_operator, inputs, bias ? 3 : 2, &attributes);
}
