// SPDX-License-Identifier: Apache-2.0
// mask: scores [batch, heads, M, N], -infinity where a key is not visible. softmax: over the last
// dimension. Both in place: at long prompts the scores are the largest of all activations.
#include "kernels/operators/operators.h"
#include "kernels/operators/rows.h"
#include <math.h>

typedef struct {
  const Kernels *kernels;
  const Tensor *past;
  int64_t window;
  Tensor *output;
} Job;

static bool mask_infer(const Tensor *inputs, int count, const void *attributes, Tensor *output,
                       Error *error) {
  (void)attributes, (void)output;
  return rows_check_count(count, 2, 2, error) &&
         rows_check_shape(&inputs[0], "scores", 4, (int64_t[]){-1, -1, -1, -1}, error) &&
         rows_check_float(&inputs[0], "scores", error) &&
         rows_check_shape(&inputs[1], "past", 1, inputs[0].shape, error);
}

static void mask_rows(const void *job, int64_t begin, int64_t end) {
  const Job *j = job;
  const int64_t *shape = j->output->shape, *past = rows_past(j->past);
  for (int64_t row = begin; row < end; row++) {
    int64_t position = past[row / (shape[1] * shape[2])] + row % shape[2], first, last;
    ops_visible(position, j->window, shape[3], &first, &last);
    float *y = rows_at(j->output, row);
    for (int64_t key = 0; key < first; key++) y[key] = -INFINITY;
    for (int64_t key = last; key < shape[3]; key++) y[key] = -INFINITY;
  }
}

static void mask_part(const OperatorPart *part, const Tensor *inputs, int count,
                      const void *attributes, Tensor *output) {
  (void)count;
  Job job = {part->kernels, &inputs[1], ((const MaskAttributes *)attributes)->window, output};
  rows_part(part, rows_count(output), mask_rows, &job);
}

const Operator mask_operator = {.name = "mask",
                                .attributes_size = sizeof(MaskAttributes),
                                .written = 0,
                                .infer = mask_infer,
                                .part = mask_part,
                                .small = rows_small};

Tensor ops_mask(Ops *ops, const Tensor *scores, const Tensor *past, int64_t window) {
  Tensor inputs[] = {*scores, *past};
  MaskAttributes attributes = {window};
  return ops_apply(ops, &mask_operator, inputs, 2, &attributes);
}

static bool softmax_infer(const Tensor *inputs, int count, const void *attributes, Tensor *output,
                          Error *error) {
  (void)attributes, (void)output;
  return rows_check_count(count, 1, 1, error) && rows_check_float(&inputs[0], "x", error);
}

static void softmax_rows(const void *job, int64_t begin, int64_t end) {
  const Job *j = job;
  int64_t columns = j->output->shape[j->output->rank - 1];
  for (int64_t row = begin; row < end; row++) {
    float *y = rows_at(j->output, row);
    j->kernels->softmax(columns, 0, columns, 1.0f, y, y);
  }
}

static void softmax_part(const OperatorPart *part, const Tensor *inputs, int count,
                         const void *attributes, Tensor *output) {
  (void)inputs, (void)count, (void)attributes;
  Job job = {.kernels = part->kernels, .output = output};
  rows_part(part, rows_count(output), softmax_rows, &job);
}

const Operator softmax_operator = {.name = "softmax",
                                   .written = 0,
                                   .infer = softmax_infer,
                                   .part = softmax_part,
                                   .small = rows_small};

Tensor ops_softmax(Ops *ops, const Tensor *x) {
  return ops_apply(ops, &softmax_operator, x, 1, NULL);
}
