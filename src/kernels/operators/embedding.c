// SPDX-License-Identifier: Apache-2.0
// embedding: ids int32 [T] → rows of the table [T, C].
// add_positions: x [batch * M, C] + rows past … of a table [P, C].
#include "kernels/operators/operators.h"
#include "kernels/operators/rows.h"

typedef struct {
  const Kernels *kernels;
  const Matrix *matrix;
  const Tensor *inputs;
  Tensor *output;
} Job;

static bool embedding_infer(const Tensor *inputs, int count, const void *attributes, Tensor *output,
                            Error *error) {
  const MatrixAttributes *a = attributes;
  if (!rows_check_count(count, 1, 1, error) ||
      !rows_check_shape(&inputs[0], "ids", 1, (int64_t[]){-1}, error))
    return false;
  if (inputs[0].dtype != DTYPE_I32)
    return error_set(error, ERROR_ARGUMENT, "ids", "are %s, expected int32",
                     dtype_name(inputs[0].dtype));
  int64_t shape[2] = {inputs[0].shape[0], a->matrix->columns};
  *output = tensor_dense(DTYPE_F32, 2, shape, NULL);
  return true;
}

static void embedding_rows(const void *job, int64_t begin, int64_t end) {
  const Job *j = job;
  const int32_t *ids = j->inputs[0].data;
  for (int64_t row = begin; row < end; row++)
    matrix_row(j->matrix, ids[row], rows_at(j->output, row));
}

static void embedding_part(const OperatorPart *part, const Tensor *inputs, int count,
                           const void *attributes, Tensor *output) {
  (void)count;
  Job job = {part->kernels, ((const MatrixAttributes *)attributes)->matrix, inputs, output};
  rows_part(part, output->shape[0], embedding_rows, &job);
}

const Operator embedding_operator = {.name = "embedding",
                                     .attributes_size = sizeof(MatrixAttributes),
                                     .written = -1,
                                     .infer = embedding_infer,
                                     .part = embedding_part,
                                     .small = rows_small};

Tensor ops_embedding(Ops *ops, const Tensor *ids, const Matrix *table) {
  MatrixAttributes attributes = {.matrix = table};
  return ops_apply(ops, &embedding_operator, ids, 1, &attributes);
}

static bool add_positions_infer(const Tensor *inputs, int count, const void *attributes,
                                Tensor *output, Error *error) {
  (void)attributes;
  if (!rows_check_count(count, 3, 3, error) ||
      !rows_check_shape(&inputs[0], "x", 2, (int64_t[]){-1, -1}, error) ||
      !rows_check_shape(&inputs[1], "table", 2, (int64_t[]){-1, inputs[0].shape[1]}, error) ||
      !rows_check_shape(&inputs[2], "past", 1, (int64_t[]){-1}, error) ||
      !rows_check_float(&inputs[0], "x", error))
    return false;
  rows_like(&inputs[0], output);
  return true;
}

static void add_positions_rows(const void *job, int64_t begin, int64_t end) {
  const Job *j = job;
  const int64_t *past = rows_past(&j->inputs[2]);
  int64_t length = j->output->shape[0] / j->inputs[2].shape[0];
  for (int64_t row = begin; row < end; row++) {
    int64_t position = past[row / length] + row % length;
    j->kernels->add(j->output->shape[1], rows_at(&j->inputs[0], row),
                    rows_at(&j->inputs[1], position), rows_at(j->output, row));
  }
}

static void add_positions_part(const OperatorPart *part, const Tensor *inputs, int count,
                               const void *attributes, Tensor *output) {
  (void)count, (void)attributes;
  Job job = {part->kernels, NULL, inputs, output};
  rows_part(part, output->shape[0], add_positions_rows, &job);
}

const Operator add_positions_operator = {.name = "add_positions",
                                         .written = -1,
                                         .infer = add_positions_infer,
                                         .part = add_positions_part,
                                         .small = rows_small};

Tensor ops_add_positions(Ops *ops, const Tensor *x, const Tensor *table, const Tensor *past) {
  Tensor inputs[] = {*x, *table, *past};
  return ops_apply(ops, &add_positions_operator, inputs, 3, NULL);
}
