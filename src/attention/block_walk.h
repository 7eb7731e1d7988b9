// SPDX-License-Identifier: Apache-2.0
// The runs of a stage from a block mask: full blocks whole, of partial ones the parts that matter
// to the rows in question.
#pragma once
#include "attention/block_mask.h"
#include "attention/score_stage.h"

// As ScoreStage.runs_of_queries; runs end where a part of a block ends.
int block_walk_queries(const BlockMask *mask, int64_t batch, int64_t head, int64_t query,
                       int64_t rows, int64_t *cursor, int most, ScoreRun *runs);
// As ScoreStage.runs_of_keys; whole blocks.
int block_walk_keys(const BlockMask *mask, int64_t batch, int64_t head, int64_t key,
                    int64_t columns, int64_t *cursor, int most, ScoreRun *runs);
