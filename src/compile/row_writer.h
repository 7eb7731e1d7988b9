// SPDX-License-Identifier: Apache-2.0
// What the writers of row code share: the group, its loops, the lines that are made, and how things
// are called in them:
//
//   p3      where slot 3 lies for the token                r3   its row of the head at hand
//   w3      the vector in slot 3                           t5_1 the row of member 5's table, input
//   1 kept5   local memory for what member 5 makes           k5   its row of the head at hand q5_64
//   the row of member 5's result from element 64 on, in a nest that did not make it d5      where
//   member 5 (a cache_write) writes s3a, m5_64a, v5a   vectors: of a slot, of an earlier loop's
//   result, of what member 5 makes here;
//           a is the columns at hand, b those half a row further (of rotations)
#pragma once
#include "base/text.h"
#include "compile/row_loops.h"

typedef struct {
  const RowGroup *group;
  RowLoops loops;
  Text *out;
  int lanes, indent;
} RowWriter;

enum { ROW_NAME = 64 };

void row_line(RowWriter *writer, const char *format, ...) PRINTF_LIKE(2, 3);
// Opens braces, within which lines are indented; closes them.
void row_open(RowWriter *writer, const char *format, ...) PRINTF_LIKE(2, 3);
void row_close(RowWriter *writer);

const RowMember *row_member(const RowWriter *writer, int member);
// The row that a member's result is kept in, of the head at hand: r3 or k5.
void row_kept_name(const RowWriter *writer, int member, char name[ROW_NAME]);
// Whether its result needs local memory.
bool row_is_local(const RowWriter *writer, int member);
// Whether a step of this loop loads the rows from where an earlier loop left them.
bool row_is_reloaded(const RowWriter *writer, const RowUse *use, int loop);

// One vector of columns in the body of a loop.
typedef struct {
  int nest, loop;
  const char *at; // the first column, as C text
  int part;       // lanes that count, 0: all
  int copy;       // which of the loop's accumulators
  bool pairs;     // columns at and at + half, as a and b; else a alone
} RowBody;

// The statements of all steps for one vector of columns (row_body.c).
void row_body_write(RowWriter *writer, const RowBody *body);
// What step makes of the columns' sums after the loop, from `copies` accumulators
// (row_reduction.c).
void row_reduction_begin(RowWriter *writer, const RowStep *step, int copies);
void row_reduction_step(RowWriter *writer, const RowStep *step, const RowBody *body, const char *x);
void row_reduction_end(RowWriter *writer, const RowStep *step, int64_t columns, int copies);
