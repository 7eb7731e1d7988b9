// SPDX-License-Identifier: Apache-2.0
// One query per sequence against a cache, as Flash-Decoding does it (Dao, Haziza, Massa and Sizov
// 2023): the keys are split into chunks, each chunk of a key head gives a summary (largest score,
// sum, weighted values) for all query heads of its group, which thus share one read of the cache as
// it lies; the thread that ends the last chunk of a key head merges its summaries in order. Chunks
// are the blocks of keys of flash_forward.h, and the result has its bits.
//
// The result does not depend on the number of threads. The dtypes are those of the tensors;
// result->lse may be NULL. How infinities and NaNs travel: flash_strip.h.
#pragma once
#include "attention/problem.h"
#include "attention/score_stage.h"
#include "device/team.h"

typedef struct FlashDecode {
  const AttentionProblem *problem;
  const ScoreStage *stage;
  const Kernels *kernels;
  Team *team;
  int64_t group;         // query heads of a key head
  int64_t chunk, chunks; // keys; of a key head
  int64_t thread_bytes;  // of one thread's scratch
  // Of each (batch, key head), chunk and head of the group: the summaries.
  float *values, *largest, *sum; // [.., .., group, D], [.., .., group]
  _Atomic int64_t *done;         // [batch, key head]: chunks that have ended
  char *scratch;
} FlashDecode;

// problem->queries is 1. Memory that flash_decode_start is given has this size and
// MATRIX_ALIGNMENT. The stage's key_block is the keys of a chunk, as key_block_keys is asked.
int64_t flash_decode_bytes(const AttentionProblem *problem, const ScoreStage *stage, int threads);
// Problem, stage and team must outlive it.
void flash_decode_start(FlashDecode *decode, const AttentionProblem *problem,
                        const ScoreStage *stage, const Kernels *kernels, Team *team, void *memory);
void flash_decode_run(FlashDecode *decode, const AttentionOperands *operands,
                      const AttentionResult *result);
// One thread's part, for a caller that is already inside a task of the team: threads have chunks of
// their own, and meet before key heads that have several are merged. The result is complete after
// the next barrier.
void flash_decode_run_part(const FlashDecode *decode, const AttentionOperands *operands,
                           const AttentionResult *result, int thread, int threads);
// Whether one thread has read the keys before a team has gathered.
bool flash_decode_small(const AttentionProblem *problem);
