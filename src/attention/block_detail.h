// SPDX-License-Identifier: Apache-2.0
// What intervals tell of the parts of a partial block, 8 x 8 of them, so that a kernel trims the
// edge of a mask closely: a strip of queries leaves out the parts that none of them sees, and masks
// only those that are neither seen whole nor not at all.
#pragma once
#include "mods/interval.h"

enum { BLOCK_PARTS = 8 }; // in each direction

// Bit (BLOCK_PARTS * row + column) of each: the part may be seen; all of it is seen.
typedef struct {
  uint64_t seen, full;
} BlockDetail;

typedef enum { PART_EMPTY, PART_PARTIAL, PART_FULL } PartState;

// Elements of a part of a block that is `block` long; what cannot be cut evenly is one part.
static inline int64_t block_part(int64_t block) {
  return block % BLOCK_PARTS ? block : block / BLOCK_PARTS;
}

// Of a block of block_rows x block_columns elements whose place is that of the box, which is less
// than a block where the problem ends. Parts beyond the end say nothing.
BlockDetail block_detail_of(const ModIntervals *intervals, const ModBox *box, int64_t block_rows,
                            int64_t block_columns);

// Rows [first_row, last_row] of parts x columns [first_column, last_column], taken together.
static inline PartState block_detail_state(BlockDetail detail, int first_row, int last_row,
                                           int first_column, int last_column) {
  const uint64_t column = 0x0101010101010101u, row = 0xFF;
  uint64_t columns = (row >> (BLOCK_PARTS - 1 - last_column)) & (row << first_column) & row;
  uint64_t rows = (column >> (BLOCK_PARTS * (BLOCK_PARTS - 1 - last_row)) &
                   column << (BLOCK_PARTS * first_row));
  uint64_t all = rows * columns; // of one byte per row: no carry
  if (!(detail.seen & all)) return PART_EMPTY;
  return (detail.full & all) == all ? PART_FULL : PART_PARTIAL;
}
