// SPDX-License-Identifier: Apache-2.0
// The stage of kernels that know no mask language: each query sees a range of keys, and its scores
// are left as they are, get an affine term, or are capped.
//
//   row ranges of a block of queries      first   full first      full last    last
//   . a a a a b b b b b . .               the keys that any row sees: [first, last);
//   . . a a a b b b b b b .               those that every row sees: [full first, full last)
//   . . . . a b b b b b b b
#pragma once
#include "attention/row_ranges.h"
#include "attention/score_stage.h"
#include "kernels/kernels.h"

// Of one block of queries, widened to whole blocks of keys; the full part may be empty (both at
// last).
typedef struct {
  int32_t first, full_first, full_last, last;
} RangeSpan;

typedef struct {
  ScoreStage stage; // its data is this struct: it is not copied or moved
  const RowRanges *ranges;
  RangeSpan *spans; // [batches, heads, blocks of queries]
} NativeStage;

// Spans that the stage of these ranges needs.
int64_t native_stage_spans(const RowRanges *ranges, int64_t block_rows);
// Over ranges and spans that the caller keeps; the spans are filled here.
void native_stage_start(NativeStage *native, const RowRanges *ranges, RangeSpan *spans,
                        int64_t block_rows, int64_t block_columns);
