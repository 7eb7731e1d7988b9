// SPDX-License-Identifier: Apache-2.0
// What stands between q kᵀ and the softmax in the tiled kernels (efficient, fav2, flex), forward
// and backward: which keys a block of queries meets, and what is done to a tile of scores. One
// kernel serves all: a stage is a table of functions and its data.
#pragma once
#include "attention/score_code.h"

typedef struct ScoreStage ScoreStage;
struct ScoreStage {
  // Runs for queries [query, query + rows), which lie in one block of block_rows; writes at most
  // `most` (≥ 1) runs from *cursor on (0 at the beginning), moves *cursor, returns how many; 0:
  // done. What is left out is seen by none of them.
  int (*runs_of_queries)(const ScoreStage *stage, int64_t batch, int64_t head, int64_t query,
                         int64_t rows, int64_t *cursor, int most, ScoreRun *runs);
  // The same for any keys [key, key + columns): runs of queries, to multiples of block_rows or the
  // end. NULL: nothing is known.
  int (*runs_of_keys)(const ScoreStage *stage, int64_t batch, int64_t head, int64_t key,
                      int64_t columns, int64_t *cursor, int most, ScoreRun *runs);
  // Machine code that does what the three functions after it do; NULL: they are called.
  const ScoreCode *code;
  // score_mod in place, on scaled scores. NULL: none.
  void (*modify)(const ScoreStage *stage, const ScoreTile *tile, float *scores, void *scratch);
  // -infinity where the mask is false. Called on tiles of partial runs.
  void (*mask)(const ScoreStage *stage, const ScoreTile *tile, float *scores, void *scratch);
  // gradients *= d score_mod / d score at the scaled scores before modify. NULL: one.
  void (*derive)(const ScoreStage *stage, const ScoreTile *tile, const float *scores,
                 float *gradients, void *scratch);
  int64_t scratch_bytes;             // of one thread
  int64_t block_rows, block_columns; // runs begin and end at multiples of these, or at the end
  int64_t unit_rows, key_block;      // of the forward pass (flash_forward.h); 0: as it likes
  int64_t queries, keys;
  bool heads_alike; // runs of queries are the same for all heads of a sequence; false: perhaps not
  const void *data; // of the stage
};
