// SPDX-License-Identifier: Apache-2.0
// Memory-efficient attention (Rabe & Staats 2021, arXiv:2112.05682): a chunk of queries of one head
// meets chunks of keys; each gives a summary of its own, which is merged into that of the queries.
// Chunks of queries share nothing: not keys that were packed, not the heads of a group.
//
// What it gives does not depend on the number of threads. The dtypes are those of the tensors;
// result->lse may be NULL. How infinities and NaNs travel: flash_strip.h.
#pragma once
#include "attention/key_chunk.h"
#include "device/team.h"

enum { CHUNKED_ROWS = 96 }; // of queries: the block_rows of its stage

typedef struct {
  const AttentionProblem *problem;
  const ScoreStage *stage;
  const Kernels *kernels;
  Team *team;
  int64_t rows, chunk; // queries and keys of a chunk
  int64_t thread_bytes;
  char *scratch;
} ChunkedForward;

// Memory that chunked_forward_start is given has this size and MATRIX_ALIGNMENT; stage_scratch:
// that of the stage.
int64_t chunked_forward_bytes(const AttentionProblem *problem, int64_t stage_scratch, int threads);
// Problem, stage and team must outlive it.
void chunked_forward_start(ChunkedForward *forward, const AttentionProblem *problem,
                           const ScoreStage *stage, const Kernels *kernels, Team *team,
                           void *memory);
void chunked_forward_run(const ChunkedForward *forward, const AttentionOperands *operands,
                         const AttentionResult *result);
