// SPDX-License-Identifier: Apache-2.0
// How the views of a graph depend on the length it was recorded for, so that one program serves
// every length: the same code recorded for three lengths gives graphs that differ in nothing but
// shapes, strides and offsets, and each of these is constant + length times a factor. Two of the
// graphs give the terms, the third proves them.
#pragma once
#include "graph/graph.h"

typedef enum { LENGTH_SHAPE, LENGTH_STRIDE, LENGTH_OFFSET } LengthField;

// Of one view: input `use` of a node; use -1: its output; node -1: output `use` of the graph. Value
// at a length: that at the recorded one + (length - recorded) factor. Offsets are bytes.
typedef struct {
  int node, use;
  LengthField field;
  int dimension;
  int64_t factor;
} LengthTerm;

typedef struct {
  int64_t recorded; // the length of the graph that runs, the longest
  ARRAY_OF(LengthTerm) terms;
} LengthTable;

typedef struct {
  const Graph *graph;
  int64_t length;
} GraphAtLength;

// `graphs`: the longest first, three different lengths. ERROR_MISMATCH: they differ in more, or not
// by constant factors.
CHECKED bool length_table_make(const GraphAtLength graphs[3], LengthTable *table, Error *error);
void length_table_free(LengthTable *table); // a zero one is fine
