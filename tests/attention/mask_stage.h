// SPDX-License-Identifier: Apache-2.0
// A stage whose mod is a ReferenceMod, so that kernels can be tested with any mask and any blocks:
// blocks are found full, partial or empty by looking at every element.
#pragma once
#include "attention/score_stage.h"
#include "reference.h"

typedef struct {
  ScoreStage stage; // its data is this struct
  const ReferenceMod *mod;
} MaskStage;

void mask_stage_start(MaskStage *mask, const AttentionProblem *problem, const ReferenceMod *mod,
                      int64_t block_rows, int64_t block_columns);
