// SPDX-License-Identifier: Apache-2.0
// What operators that work row by row share: the rows of a strided tensor, and their split over
// the team.
#pragma once
#include "kernels/ops.h"

// Works on rows [begin, end).
typedef void RowTask(const void *job, int64_t begin, int64_t end);

// This thread's share of `rows` rows.
void rows_part(const OperatorPart *part, int64_t rows, RowTask *task, const void *job);
// Whether a fork would cost more than it saves: Operator.small of operators by rows.
bool rows_small(const Tensor *inputs, const void *attributes, const Tensor *output);
// The same of a product of rows x: one thread streams the weights of a small matrix sooner.
bool rows_small_product(const Tensor *x, const Matrix *matrix);
int64_t rows_count(const Tensor *x); // product of all dimensions but the last
// The elements of a row, counted over all leading dimensions; the last one must be dense.
float *rows_at(const Tensor *x, int64_t row);
const int64_t *rows_past(const Tensor *past); // the values of an int64 [batch]
// How many of `keys` any of the `queries` of any sequence sees: the first so many.
int64_t rows_seen(const Tensor *past, int64_t queries, int64_t keys);

// Checks for infer: each sets *error and returns false when it does not hold.
bool rows_check_count(int count, int least, int most, Error *error);
bool rows_check_float(const Tensor *x, const char *name, Error *error); // float32, dense rows
bool rows_check_shape(const Tensor *x, const char *name, int rank, const int64_t *shape,
                      Error *error); // -1 in shape: any
// *output takes the dtype and shape of x.
void rows_like(const Tensor *x, Tensor *output);
