// SPDX-License-Identifier: Apache-2.0
// The blocks of queries and of keys that meet in the backward pass (flash_pair.h), in float32
// whatever the dtype: as rows, which serve as either side of a product, and the keys as panels too.
#pragma once
#include "attention/problem.h"
#include "attention/score_stage.h"

enum { PAIR_MOST_QUERIES = 128, PAIR_MOST_KEYS = 256 };

typedef struct {
  int64_t head_dim, width; // width: head_dim in whole panels
  int64_t line;            // floats from one row to the next: an odd number of cache lines, so
                           // that the rows of a column spread over all sets of a cache
  int64_t queries, keys;   // of a block, at most
  int64_t score_line;      // as line, for rows of scores
} PairShape;

typedef struct {
  int64_t first, count;
  float *k;                   // [count][line]
  float *k_panels, *v_panels; // [panels of 16 keys][head_dim][16]; missing keys are 0
  float *dk, *dv;             // [count][line], sums
} KeyBlock;

typedef struct {
  int64_t batch, head, first, count;
  float *q, *dout;          // [count][line]
  float *dq;                // [count][line], sums
  const float *lse, *delta; // [count]; delta: dout · out
} QueryBlock;

PairShape pair_shape(const AttentionProblem *problem, const ScoreStage *stage);
// Multiples of 64: of rows of `line` floats, and of a KeyBlock without its sums.
int64_t pair_rows_bytes(const PairShape *shape, int64_t rows);
int64_t key_block_bytes(const PairShape *shape);
KeyBlock key_block_at(const PairShape *shape, void *memory);
// Keys [first, first + count) of one head; the sums are left alone.
void key_block_load(KeyBlock *block, const PairShape *shape, const Kernels *kernels,
                    const AttentionOperands *operands, int64_t batch, int64_t head, int64_t first,
                    int64_t count);
// Rows [first, first + count) of q and dout of the block's head; what else it holds stays.
void query_block_load(const QueryBlock *block, const PairShape *shape, const Kernels *kernels,
                      const Tensor *q, const Tensor *dout);
