// SPDX-License-Identifier: Apache-2.0
// The forward pass of FlashAttention-2 (Dao 2023, arXiv:2307.08691): blocks of queries are
// independent, each walks over the keys that its stage lets it see with an online softmax, and no
// score leaves the cache. Keys and values of a few key heads at a time (a round) are packed once
// for all their blocks of queries. What it gives does not depend on the number of threads.
//
// The dtypes are those of the tensors. result->lse may be NULL. How infinities and NaNs travel:
// flash_strip.h.
#pragma once
#include "attention/flash_strip.h"
#include "attention/problem.h"
#include "device/team.h"

// Which rows a unit of work takes.
typedef struct {
  int64_t rows;       // of a unit
  int64_t outer_rows; // units do not cross its multiples
  int64_t parts;      // of outer_rows
  int64_t per_head;   // units
} FlashUnits;

typedef struct {
  const AttentionProblem *problem;
  const ScoreStage *stage;
  const Kernels *kernels;
  Team *team;
  PackedShape shape;
  FlashUnits units;
  int64_t round;        // key heads (over all batches) packed together
  int64_t thread_bytes; // of one thread's scratch
  char *heads, *scratch;
} FlashForward;

enum { FLASH_MOST_UNIT_ROWS = 192 };

// Memory that flash_forward_start is given has this size and MATRIX_ALIGNMENT. The stage's
// block_columns is a multiple of MATRIX_PANEL. Its unit_rows are rows that one thread takes at a
// time, at most FLASH_MOST_UNIT_ROWS, its key_block keys that they meet before the next ones, at
// most SCORE_TILE_COLUMNS (packed_heads.h).
int64_t flash_forward_bytes(const AttentionProblem *problem, const ScoreStage *stage, int threads);
// Problem, stage and team must outlive it.
void flash_forward_start(FlashForward *forward, const AttentionProblem *problem,
                         const ScoreStage *stage, const Kernels *kernels, Team *team, void *memory);
void flash_forward_run(const FlashForward *forward, const AttentionOperands *operands,
                       const AttentionResult *result);
