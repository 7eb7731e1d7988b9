// SPDX-License-Identifier: Apache-2.0
// mask: scores [batch, heads, M, N], -infinity where a key is not visible. softmax: over the last
// dimension. masked_softmax: of scores times a factor, as the two; of keys that no query of the
// pass sees nothing is read or written. All in place: at long prompts the scores are the largest of
// all activations.
#include "kernels/operators/operators.h"
#include "kernels/operators/rows.h"
#include <math.h>

typedef struct {
  const Kernels *kernels;
  const Tensor *past;
  int64_t window;
  float factor; // of masked_softmax
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

// The keys [*first, *last) that the query of a row sees.
static void visible(const Job *job, int64_t row, int64_t *first, int64_t *last) {
  const int64_t *shape = job->output->shape;
  int64_t position = rows_past(job->past)[row / (shape[1] * shape[2])] + row % shape[2];
  ops_visible(position, job->window, shape[3], first, last);
}

static void mask_rows(const void *job, int64_t begin, int64_t end) {
  const Job *j = job;
  const int64_t *shape = j->output->shape;
  for (int64_t row = begin; row < end; row++) {
    int64_t first, last;
    visible(j, row, &first, &last);
    float *y = rows_at(j->output, row);
    for (int64_t key = 0; key < first; key++) y[key] = -INFINITY;
    for (int64_t key = last; key < shape[3]; key++) y[key] = -INFINITY;
  }
}

static void mask_part(const OperatorPart *part, const Tensor *inputs, int count,
                      const void *attributes, Tensor *output) {
  (void)count;
  Job job = {.kernels = part->kernels,
             .past = &inputs[1],
             .window = ((const MaskAttributes *)attributes)->window,
             .output = output};
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

static void masked_softmax_rows(const void *job, int64_t begin, int64_t end) {
  const Job *j = job;
  const int64_t *shape = j->output->shape;
  int64_t seen = rows_seen(j->past, shape[2], shape[3]);
  for (int64_t row = begin; row < end; row++) {
    int64_t first, last;
    visible(j, row, &first, &last);
    float *y = rows_at(j->output, row);
    j->kernels->softmax(seen, first, last, j->factor, y, y);
  }
}

static void masked_softmax_part(const OperatorPart *part, const Tensor *inputs, int count,
                                const void *attributes, Tensor *output) {
  (void)count;
  const MaskedSoftmaxAttributes *masked = attributes;
  Job job = {part->kernels, &inputs[1], masked->window, (float)masked->factor, output};
  rows_part(part, rows_count(output), masked_softmax_rows, &job);
}

const Operator masked_softmax_operator = {.name = "masked_softmax",
                                          .attributes_size = sizeof(MaskedSoftmaxAttributes),
                                          .written = 0,
                                          .infer = mask_infer,
                                          .part = masked_softmax_part,
                                          .small = rows_small};
