// SPDX-License-Identifier: Apache-2.0
// take_rows: rows int64 [S] of x [T, C] → [S, C].
#include "kernels/operators/operators.h"
#include "kernels/operators/rows.h"
#include <string.h>

typedef struct {
  const Tensor *x, *rows;
  Tensor *output;
} Job;

static bool take_rows_infer(const Tensor *inputs, int count, const void *attributes, Tensor *output,
                            Error *error) {
  (void)attributes;
  if (!rows_check_count(count, 2, 2, error) ||
      !rows_check_shape(&inputs[0], "x", 2, (int64_t[]){-1, -1}, error) ||
      !rows_check_float(&inputs[0], "x", error) ||
      !rows_check_shape(&inputs[1], "rows", 1, (int64_t[]){-1}, error))
    return false;
  int64_t shape[2] = {inputs[1].shape[0], inputs[0].shape[1]};
  *output = tensor_dense(DTYPE_F32, 2, shape, NULL);
  return true;
}

static void copy_rows(const void *job, int64_t begin, int64_t end) {
  const Job *j = job;
  size_t bytes = (size_t)j->output->shape[1] * sizeof(float);
  for (int64_t row = begin; row < end; row++)
    memcpy(rows_at(j->output, row), rows_at(j->x, rows_past(j->rows)[row]), bytes);
}

static void take_rows_part(const OperatorPart *part, const Tensor *inputs, int count,
                           const void *attributes, Tensor *output) {
  (void)count, (void)attributes;
  Job job = {&inputs[0], &inputs[1], output};
  rows_part(part, output->shape[0], copy_rows, &job);
}

static bool take_rows_small(const Tensor *inputs, const void *attributes, const Tensor *output) {
  (void)inputs;
  return rows_small(output, attributes, output);
}

const Operator take_rows_operator = {.name = "take_rows",
                                     .written = -1,
                                     .infer = take_rows_infer,
                                     .part = take_rows_part,
                                     .small = take_rows_small};

Tensor ops_take_rows(Ops *ops, const Tensor *x, const Tensor *rows) {
  Tensor inputs[] = {*x, *rows};
  return ops_apply(ops, &take_rows_operator, inputs, 2, NULL);
}
