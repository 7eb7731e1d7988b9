// SPDX-License-Identifier: Apache-2.0
// How a product of linear.h is cut: what a tuner may choose. Plans of our own kernels differ in
// time alone; with the same tier they give the same bits, but for the reference tier, which rounds
// once a block.
#pragma once
#include "tensor/dtype.h"

// How threads share a product: a grid whose cells are equal where possible; or one strip of the
// columns of y each; or one of its rows.
typedef enum { LINEAR_BALANCED, LINEAR_BY_COLUMNS, LINEAR_BY_ROWS } LinearCut;

enum { LINEAR_CHUNK_ROWS = 512, LINEAR_MOST_SLIVER = 1 << 20, LINEAR_PLAN_NAME = 80 };

// 8-byte fields alone: it is part of operators' attributes (kernels/ops.h). {0} is no plan.
typedef struct {
  int64_t sliver_bytes; // a sliver of W (one tile's width) as float32: 4 KiB … LINEAR_MOST_SLIVER
  int64_t block_rows;   // rows of x that it meets: 16 … LINEAR_CHUNK_ROWS
  int64_t block_width;  // columns of y that a block of x meets before the next one: 64 …
  int64_t streamed_tiles; // up to so many tiles of rows W is read once, as it lies (not float16)
  int64_t threads;        // that take part at most; 0: all
  int64_t cut;            // LinearCut
  int64_t least_rows, most_rows; // of x; other products are cut in the standard way. 0, 0: any
  const struct LinearBlas *blas; // by OpenBLAS, of the same matrix; NULL: by our own kernels
} LinearPlan;

// Measured good on average: what products follow that have no plan of their own.
const LinearPlan *linear_plan_standard(Dtype dtype);
// Whether the numbers are within their bounds.
bool linear_plan_valid(const LinearPlan *plan);
// Whether products of so many rows follow it; NULL and no plan: false.
bool linear_plan_serves(const LinearPlan *plan, int64_t rows);
// "sliver 48K rows 256 width 512 stream 1 threads 0 balanced", without the rows that it serves, and
// back; texts that linear_plan_name did not write, and plans that are not valid: false. OpenBLAS
// has no such name.
void linear_plan_name(const LinearPlan *plan, char name[LINEAR_PLAN_NAME]);
bool linear_plan_parse(const char *name, LinearPlan *plan);
