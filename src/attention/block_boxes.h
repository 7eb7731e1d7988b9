// SPDX-License-Identifier: Apache-2.0
// Rectangles of blocks about which one thing is known, from interval analysis: the list that the
// lines of a BlockMask are made from. Big boxes are decided at once; what stays undecided is split
// down to single blocks.
#pragma once
#include "attention/block_detail.h"
#include "base/memory.h"
#include "mods/interval.h"

typedef enum { BLOCK_EMPTY, BLOCK_PARTIAL, BLOCK_FULL, BLOCK_UNDECIDED } BlockState;

typedef struct {
  int32_t plane; // batch * heads + head
  int32_t first_row, last_row, first_column, last_column;
  BlockState state;   // single blocks alone are partial or undecided
  BlockDetail detail; // of a partial block
} BlockBox;

// Of each plane in turn. The boxes over any one line of blocks stand in the line's order.
typedef struct {
  int64_t count;
  BlockBox *boxes;
  Region memory;
} BlockBoxes;

typedef struct {
  const BoundMod *bound;
  const ModIntervals *intervals;     // of its mask
  int64_t block_rows, block_columns; // elements of a block
  int64_t rows, columns;             // blocks
  int64_t heads;                     // planes per batch
} BlockGrid;

// The elements of a box: clipped to the shape, q_idx with the shape's offset.
ModBox block_grid_elements(const BlockGrid *grid, const BlockBox *box);
// Appends what is not empty in planes [first, last).
CHECKED bool block_boxes_decide(BlockBoxes *list, const BlockGrid *grid, int64_t first,
                                int64_t last, Error *error);
CHECKED bool block_boxes_append(BlockBoxes *list, const BlockBox *boxes, int64_t count,
                                Error *error);
void block_boxes_close(BlockBoxes *list);
