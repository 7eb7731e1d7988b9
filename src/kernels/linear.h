// SPDX-License-Identifier: Apache-2.0
// y = epilogue(x Wᵀ + bias): x [rows, columns of W], y [rows, rows of W], both float32 and
// row-major with a stride; W is a packed Matrix. Few rows (a decoding step) stream the weights
// once, straight from their 16-bit form; many rows go through a blocked matrix product (loop nest
// after Goto & van de Geijn 2008 and BLIS) over activations packed into tiles.
//
// Where the processor multiplies pairs of bfloat16 (Kernels.tile_dot), products with bfloat16
// weights round x to bfloat16, as other engines do for that type; sums are float32 all the same.
//
// The result does not depend on the number of threads: every output is summed by one thread, in an
// order that the shape of W alone decides. Nor does a row of it depend on how many others there
// are (but in the reference tier, and where a tuned plan takes another library's product).
#pragma once
#include "device/team.h"
#include "kernels/activation.h"
#include "kernels/linear_plan.h"
#include "kernels/matrix.h"

// What happens to a sum while it is still in the first-level cache, in this order: the matrix's
// bias, the activation, the residual. {0} is nothing.
typedef struct {
  Activation activation;
  const float *residual; // added last: [rows, rows of W], or NULL; may be y itself
  int64_t residual_stride;
} Epilogue;

typedef struct {
  const float *x; // 64-byte alignment is not needed, of nothing here
  int64_t x_stride, rows;
  const Matrix *matrix;
  Epilogue epilogue;
  float *y; // must not overlap x
  int64_t y_stride;
  void *scratch;          // linear_plan_scratch_bytes, 64-byte aligned
  const LinearPlan *plan; // NULL, or it serves other rows: the standard one of the dtype
} Linear;

typedef struct Kernels Kernels;

// Whether products with weights of the dtype round x to bfloat16.
bool linear_rounds(const Kernels *kernels, Dtype dtype);
// Rows of x that a tile of products with weights of the dtype takes.
int linear_tile_rows(const Kernels *kernels, Dtype dtype);
// Whether a product of so many tiles of rows that follows the plan reads W once, as it lies.
bool linear_streams(const Kernels *kernels, Dtype dtype, const LinearPlan *plan, int64_t tiles);
// How many of the team's threads the product takes.
int linear_threads(const Linear *linear, int threads);
// For any product of at most this many rows and columns of W (the most that any layer has) that
// follows the plan; NULL: a standard one.
int64_t linear_plan_scratch_bytes(const LinearPlan *plan, int64_t most_rows, int64_t most_columns,
                                  int threads);
// Of a standard plan.
int64_t linear_scratch_bytes(int64_t most_rows, int64_t most_columns, int threads);
// By all threads of the team. Allocates nothing.
void linear_run(const Kernels *kernels, Team *team, const Linear *linear);
// One thread's part, for a caller that is already inside a task of the team; all threads of the
// team must call it with the same values. The result is complete after the next barrier.
void linear_run_part(const Kernels *kernels, Team *team, const Linear *linear, int thread,
                     int threads);
