// SPDX-License-Identifier: Apache-2.0
// Right before fast: what a back end wrote for a cell against the float64 reference.
//
// Errors are max |difference| / max |reference| and |difference| / |reference| (norms), over the
// compared rows; of gradients the size that an element is compared with is never less than what the
// rounding of out to the dtype moves in it. A result that is not finite where the reference is has
// an infinite error, as has a dq that is not zero in a row whose dout is.
//
//   bound  float32 1e-5; bfloat16 2^-8, float16 2^-11, twice that for gradients; lse 1e-5
//          + 4 x 2^-24 x the largest |score|: float32 does not tell scores apart more finely
#pragma once
#include "base/document.h"
#include "bench/attention/cell_tensors.h"
#include "bench/attention/sample_reference.h"

#define CHECK_PARTS(X)                                                                             \
  X(CHECK_OUT, "out")                                                                              \
  X(CHECK_LSE, "lse")                                                                              \
  X(CHECK_DQ, "dq")                                                                                \
  X(CHECK_DK, "dk")                                                                                \
  X(CHECK_DV, "dv")

typedef enum {
#define X(PART, NAME) PART,
  CHECK_PARTS(X)
#undef X
      CHECK_PART_COUNT
} CheckPart;

typedef struct {
  double largest, norm, bound;
} CheckError;

typedef struct {
  CheckError parts[CHECK_PART_COUNT];
  int compared; // parts: 2 without gradients, else all
  bool passed;  // every part within its bound, by both measures
} CellCheck;

double cell_check_bound(Dtype dtype, CheckPart part, double largest_score);
CellCheck cell_check_make(const AttentionProblem *problem, const CellTensors *tensors,
                          const SampleReference *reference);
json_t *cell_check_json(const CellCheck *check, const SampleReference *reference); // new reference
