// SPDX-License-Identifier: Apache-2.0
// The backward pass of FlashAttention-2 (Dao 2023, arXiv:2307.08691): scores are computed again
// from the saved log-sum-exp, a pair of blocks at a time (flash_pair.h), and none is kept.
//
//   over keys      a block of keys keeps its dk and dv in the cache while the queries go by; dq is
//                  added up in memory. Parallel over heads and blocks of keys.
//   over queries   a block of queries keeps its dq while all packed keys of the head go by; dk and
//                  dv are added up in memory. Parallel over heads.
//
// Heads whose number would leave threads idle are split, every split with sums of its own, that
// are added in order at the end. How many splits there are depends on the shape alone, and so do
// the gradients: not on the number of threads.
#pragma once
#include "attention/flash_pair.h"
#include "device/team.h"

typedef enum { FLASH_OVER_KEYS, FLASH_OVER_QUERIES } FlashOrder;

typedef struct {
  const AttentionProblem *problem;
  const ScoreStage *stage;
  const Kernels *kernels;
  Team *team;
  FlashOrder order;
  PairShape shape;
  int64_t splits; // of the outer blocks of a key head
  int64_t thread_bytes;
  float *delta;  // [B, Hq, M]: dout · out
  float *sums;   // over keys: dq [splits][B, Hq, M][line]; over queries: dk, then dv, each
                 // [splits][B, Hkv, N][line]
  char *scratch; // of the threads
} FlashBackward;

// `stage` NULL: every key, scores as they are. Its blocks may have any size; with rows as many as
// a tile has (kernels->tile_rows) and few columns the edge of a mask is trimmed closely.
int64_t flash_backward_bytes(const AttentionProblem *problem, const ScoreStage *stage,
                             FlashOrder order, const Kernels *kernels, int threads);
// In memory of that size, MATRIX_ALIGNMENT-aligned. Problem, stage and team must outlive it.
void flash_backward_start(FlashBackward *backward, const AttentionProblem *problem,
                          const ScoreStage *stage, FlashOrder order, const Kernels *kernels,
                          Team *team, void *memory);
// `result` is what the forward pass wrote for these operands, lse included.
void flash_backward_run(const FlashBackward *backward, const AttentionOperands *operands,
                        const AttentionResult *result, const Tensor *dout,
                        const AttentionGradients *gradients);
