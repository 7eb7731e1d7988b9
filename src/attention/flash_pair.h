// SPDX-License-Identifier: Apache-2.0
// A block of queries meets a block of keys in the backward pass of FlashAttention-2 (Dao 2023,
// arXiv:2307.08691, algorithm 2): five products on register tiles, whose operands are read where
// they lie.
//
//   S = q kᵀ         P = exp(scale S - lse)      dv += Pᵀ dout
//   dP = dout vᵀ     dS = P (dP - delta)         dk += dSᵀ q      dq += dS k
//
// The scale that dq and dk still lack is left to whoever takes the sums. The queries are cut into
// strips of as many rows as a tile has, and of a strip only the keys that its stage lets it see
// take part.
//
// A score that the mask hides has P = dS = 0 whatever v holds; infinities and NaNs in q, k and dout
// may reach every gradient of their head.
#pragma once
#include "attention/pair_blocks.h"

// Rows [row, row + rows) of the block of queries see keys [first, last) of the block of keys.
typedef struct {
  int16_t row, rows, first, last;
  bool uneven; // not every row sees all of them
} PairStrip;

// Keys [key, key + count) of the block are seen by rows [first, last) of the block of queries,
// others by none of them.
typedef struct {
  int16_t key, count, first, last;
} PairKeys;

// Of one thread.
typedef struct {
  const Kernels *kernels;
  const ScoreStage *stage; // NULL: every key, scores as they are
  PairShape shape;
  float scale;
  float *scores, *products; // [queries][score_line]: S, then P; dP, then dS
  float *slopes;            // [tile_rows][score_line]: d score_mod / d score of a strip
  void *scratch;            // of the stage
  int strip_count, tile_count;
  PairStrip strips[PAIR_MOST_QUERIES];
  PairKeys tiles[PAIR_MOST_KEYS];
} PairWork;

int64_t pair_work_bytes(const PairShape *shape, const Kernels *kernels,
                        const ScoreStage *stage); // of its arrays; a multiple of 64
PairWork pair_work_at(const PairShape *shape, const AttentionProblem *problem,
                      const Kernels *kernels, const ScoreStage *stage, void *memory);

// Cuts the queries into strips; false: none of them sees any of the keys. Of the blocks only
// batch, head, first and count are looked at.
bool pair_meet(PairWork *work, const QueryBlock *queries, const KeyBlock *keys);
// After pair_meet: adds to dq, dk and dv.
void pair_run(PairWork *work, const QueryBlock *queries, const KeyBlock *keys);
