// SPDX-License-Identifier: Apache-2.0
// Batched products of activations with rows of a cache: scores = queries keysᵀ, and
// output = probabilities values. A and C are float32; B has the cache's dtype. All are row-major
// with strides in elements (between rows, heads and batches); the last dimension is dense.
//
//   transposed   C[rows, columns] = A[rows, depth] B[columns, depth]ᵀ    (scores)
//   plain        C[rows, columns] = A[rows, depth] B[depth, columns]     (output)
//
// Every element of C is one sum in the order of the depth, from 0 or, where C is added to, from
// what C holds: it has the same bits whatever rows and columns are asked for together with it, and
// a sum that is cut along the depth has those of the whole. (The reference tier's are rounded once
// for each call.)
//
// A itself may lie transposed, as [depth, rows]: gradients multiply by scoresᵀ.
//
// Head h of A and C meets head h / group of B (grouped-query attention). When there is one row, the
// heads of a group are taken as rows of one product, so that B is read once for all of them. The
// result does not depend on the number of threads.
#pragma once
#include "device/team.h"
#include "kernels/linear.h"
#include "tensor/dtype.h"

typedef struct {
  bool transposed, a_transposed;
  int64_t batches, heads, group; // heads: of A and C; a multiple of group ≥ 1
  int64_t rows, columns, depth;
  const float *a;
  int64_t a_row, a_head, a_batch; // a_transposed: a_row from one step of the sum to the next
  Dtype dtype;                    // of B: float32, bfloat16 or float16
  const void *b;
  int64_t b_row, b_head, b_batch;
  bool added; // C += …, else C = …
  float *c;
  int64_t c_row, c_head, c_batch;
  void *scratch; // matmul_scratch_bytes, 64-byte aligned
  // Rows as B's that will be wanted next: a few rows of A ask for them ahead. NULL: not known.
  const void *next;
} Matmul;

// For any product whose depth (transposed) or columns (plain) is a head's size: a constant per
// thread, whatever the shape.
int64_t matmul_scratch_bytes(int threads);
void matmul_run(const Kernels *kernels, Team *team, const Matmul *matmul);
void matmul_run_part(const Kernels *kernels, const Matmul *matmul, int thread, int threads);
