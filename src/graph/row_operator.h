// SPDX-License-Identifier: Apache-2.0
// The operators that work row by row, and what each of their inputs is to a row: what groups of
// them are formed by (row_group.h).
#pragma once
#include "kernels/ops.h"

typedef enum {
  ROW_NONE,
  ROW_VALUES,      // the row itself, float32
  ROW_VECTOR,      // [C], the same for every row
  ROW_TABLE,       // [P, C], the row of the token's position
  ROW_DESTINATION, // [batch, heads, P, D] of any compute dtype: written at the token's position
  ROW_PAST         // int64 [batch]: what the position counts from
} RowRole;

enum { ROW_ROLES = 4 };

typedef struct {
  const Operator *op;
  RowRole roles[ROW_ROLES]; // by input; ROW_NONE: there is none
} RowOperator;

// NULL: it is none, or (activations) one that code cannot be written for.
const RowOperator *row_operator_find(const Operator *op, const void *attributes);
