// SPDX-License-Identifier: Apache-2.0
// The stage of any mod: runs of blocks from a block mask, scores by the interpreter. Full blocks
// get score_mod alone, partial ones are masked too, empty ones do not occur.
#pragma once
#include "attention/block_mask.h"
#include "attention/problem.h"
#include "attention/score_stage.h"

typedef struct {
  ScoreStage stage; // its data is this struct: it is not copied or moved
  BlockMask *mask;
  ModInterpreter *interpreter;
  BoundMod noop;    // of a problem without a mod
  int64_t build_ns; // what the block mask took
} InterpretedStage;

// The runs of the stage end where a part of a block ends (attention/block_detail.h). Keeps pointing
// to the problem's mod. NULL on failure.
CHECKED InterpretedStage *interpreted_stage_open(const AttentionProblem *problem,
                                                 int64_t block_rows, int64_t block_columns,
                                                 CpuTier tier, Team *team, Error *error);
void interpreted_stage_close(InterpretedStage *interpreted); // NULL is fine
// Of opening one, at most; INT64_MAX: more than 64 bits count.
// A stage with its sizes alone, for what is predicted from them.
ScoreStage interpreted_stage_sizes(const AttentionProblem *problem, int64_t block_rows,
                                   int64_t block_columns);
int64_t interpreted_stage_bytes(const AttentionProblem *problem, int64_t block_rows,
                                int64_t block_columns);
