// SPDX-License-Identifier: Apache-2.0
#include "kernels/operators/rows.h"
#include <inttypes.h>

// Below so many elements, or weights of one row's product, a fork costs more than it saves.
enum { SMALL_JOB = 8192, SMALL_MATRIX = 12 * 1024 };

void rows_part(const OperatorPart *part, int64_t rows, RowTask *task, const void *job) {
  int64_t begin, end;
  team_share(rows, 1, part->thread, part->threads, &begin, &end);
  if (begin < end) task(job, begin, end);
}

// A cache is written as far as the first input reaches, not as far as it is itself.
bool rows_small(const Tensor *inputs, const void *attributes, const Tensor *output) {
  (void)attributes;
  const Tensor *worked = output->rank == 4 ? &inputs[0] : output;
  return rows_count(worked) == 1 || tensor_elements(worked) < SMALL_JOB;
}

bool rows_small_product(const Tensor *x, const Matrix *matrix) {
  return x->shape[0] == 1 && matrix->rows * matrix->columns < SMALL_MATRIX;
}

int64_t rows_count(const Tensor *x) {
  int64_t rows = 1;
  for (int i = 0; i < x->rank - 1; i++) rows *= x->shape[i];
  return rows;
}

float *rows_at(const Tensor *x, int64_t row) {
  int64_t offset = 0;
  for (int i = x->rank - 2; i > 0; i--) {
    offset += row % x->shape[i] * x->stride[i];
    row /= x->shape[i];
  }
  if (x->rank > 1) offset += row * x->stride[0];
  return (float *)x->data + offset;
}

const int64_t *rows_past(const Tensor *past) {
  return past->data;
}

int64_t rows_seen(const Tensor *past, int64_t queries, int64_t keys) {
  int64_t most = 0;
  for (int64_t b = 0; b < past->shape[0]; b++) {
    int64_t seen = rows_past(past)[b] + queries;
    if (seen > most) most = seen;
  }
  return most < keys ? most : keys;
}

bool rows_check_count(int count, int least, int most, Error *error) {
  if (count >= least && count <= most) return true;
  return error_set(error, ERROR_ARGUMENT, NULL, "%d inputs, expected %d to %d", count, least, most);
}

bool rows_check_float(const Tensor *x, const char *name, Error *error) {
  if (x->dtype != DTYPE_F32)
    return error_set(error, ERROR_ARGUMENT, name, "is %s, expected float32", dtype_name(x->dtype));
  if (x->rank < 1) return error_set(error, ERROR_ARGUMENT, name, "is a scalar, expected rows");
  if (x->stride[x->rank - 1] != 1 && x->shape[x->rank - 1] != 1)
    return error_set(error, ERROR_ARGUMENT, name, "has elements %" PRId64 " apart, expected 1",
                     x->stride[x->rank - 1]);
  return true;
}

static bool shape_matches(const Tensor *x, int rank, const int64_t *shape) {
  if (x->rank != rank) return false;
  for (int i = 0; i < rank; i++)
    if (shape[i] >= 0 && x->shape[i] != shape[i]) return false;
  return true;
}

bool rows_check_shape(const Tensor *x, const char *name, int rank, const int64_t *shape,
                      Error *error) {
  if (shape_matches(x, rank, shape)) return true;
  char found[128], expected[128];
  Tensor wanted = tensor_dense(x->dtype, rank, shape, NULL);
  return error_set(error, ERROR_ARGUMENT, name, "is %s, expected %s",
                   tensor_shape_text(x, found, sizeof found),
                   tensor_shape_text(&wanted, expected, sizeof expected));
}

void rows_like(const Tensor *x, Tensor *output) {
  *output = tensor_dense(x->dtype, x->rank, x->shape, NULL);
}
