// SPDX-License-Identifier: Apache-2.0
// Which blocks of the score matrix a mask leaves: full, partial or empty, as runs of key blocks for
// each row of query blocks, and the other way round for a backward pass over key blocks.
//
//   causal, 4 x 4 blocks      row 2:  [0, 2) full, [2, 3) partial
//   p . . .
//   f p . .                   Built by interval analysis of the expression where that decides, by
//   f f p .                   evaluating a block's elements where it does not.
//   f f f p
#pragma once
#include "attention/block_detail.h"
#include "base/memory.h"
#include "device/team.h"
#include "mods/interpret.h"
#include "mods/interval.h"

typedef struct {
  int32_t first, last; // blocks [first, last)
  bool full;           // every element is visible
  int64_t detail;      // of a partial run in by_query: details[detail] is that of its first block
} BlockRun;

// Runs of one line of blocks, in order: runs[start[line]] … runs[start[line + 1]]. Neighbours that
// are both full, or both partial, are one run. The details are those of by_query; by_key has none.
typedef struct {
  int64_t lines; // per (batch, head)
  int64_t *start;
  BlockRun *runs;
  BlockDetail *details; // of the partial blocks
} BlockLines;

typedef struct {
  int64_t queries, keys;
  int64_t block_rows, block_columns;
  int64_t batches, heads;       // 1 where the mask does not depend on it
  BlockLines by_query;          // line ((b * heads + h) * lines + query block)
  BlockLines by_key;            // line ((b * heads + h) * lines + key block), runs of query blocks
  int64_t full, partial, empty; // counts over the batches and heads held here
  int64_t evaluated;            // blocks whose elements had to be looked at
  Region memory;                // of the lines
} BlockMask;

// What a mask of this shape takes at most while it is built, whatever the expression: a run for
// each block in both directions and the list that they are made from. INT64_MAX: more than 64 bits
// count.
int64_t block_mask_bytes(const BoundMod *bound, int64_t block_rows, int64_t block_columns);
// Evaluation is spread over the team. NULL on failure; ERROR_UNSUPPORTED when the blocks of a side
// are more than an int32 counts.
CHECKED BlockMask *block_mask_build(const BoundMod *bound, int64_t block_rows,
                                    int64_t block_columns, CpuTier tier, Team *team, Error *error);
void block_mask_close(BlockMask *mask); // NULL is fine
// The line of (batch, head, block) in by_query or by_key.
int64_t block_mask_line(const BlockMask *mask, const BlockLines *lines, int64_t batch, int64_t head,
                        int64_t block);
// Visible (query, key) pairs over all batches and heads of the problem, exact: what FLOPs count.
// Full blocks are counted by area, the elements of partial ones are looked at.
CHECKED bool block_mask_pairs(const BlockMask *mask, const BoundMod *bound, CpuTier tier,
                              Team *team, double *pairs, Error *error);
