// SPDX-License-Identifier: Apache-2.0
// How the members of a row group become loops: those that go through the same columns together
// share one, and values stay in registers from one to the next. A reduction (the sum of a norm, the
// largest of a softmax) ends its loop for what depends on it.
#pragma once
#include "graph/row_group.h"

typedef enum {
  ROW_MAP,        // element by element, the last phase of every member
  ROW_SUM,        // Σ x, of layer_norm
  ROW_SQUARES,    // Σ x², or Σ (x - mean)² of layer_norm
  ROW_LARGEST,    // of softmax
  ROW_EXPONENTIAL // exp(x - largest), stored, and its sum
} RowPhase;

enum { ROW_PHASES = 3, ROW_STEPS = ROW_PHASES * ROW_GROUP_MEMBERS };

typedef struct {
  int member;
  RowPhase phase;
} RowStep;

// Steps [first, last) over the columns; `half`: columns i and i + half together, i < half, then
// those from 2 half on by themselves (0: one by one).
typedef struct {
  int first, last;
  int64_t half;
} RowLoop;

// Loops [first, last) for each of `heads` rows of `columns`. ranged: only columns that the mask of
// member `mask` leaves are gone through, the others become 0.
typedef struct {
  int64_t heads, columns;
  int first, last;
  int mask; // -1: not ranged
} RowNest;

typedef struct {
  RowStep steps[ROW_STEPS];
  RowLoop loops[ROW_STEPS];
  RowNest nests[ROW_GROUP_MEMBERS];
  int step_count, loop_count, nest_count;
  int loop_of[ROW_GROUP_MEMBERS]; // where each member's result is made, and its nest
  int nest_of[ROW_GROUP_MEMBERS];
  bool kept[ROW_GROUP_MEMBERS]; // a later loop reads the result
} RowLoops;

void row_loops_make(const RowGroup *group, RowLoops *loops);
