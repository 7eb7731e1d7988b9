// SPDX-License-Identifier: Apache-2.0
// What becomes of the scores of a stretch of keys between the products, forward: through the
// machine code of the stage where it has some, function by function where not.
#pragma once
#include "attention/key_runs.h"

// `tile`: batch, head, query, rows and stride; its keys are those of the stretch, scores of the
// first at `scores`. The scores are modified and masked; where the stage has code, found [rows]
// becomes the largest of `largest` [rows] and of the row's scores.
void stretch_scores_apply(const ScoreStage *stage, const KeyStretch *stretch, ScoreTile tile,
                          float *scores, const float *largest, float *found, void *scratch);
// -infinity where the partial parts of the stretch hide a score.
void stretch_scores_mask(const ScoreStage *stage, const KeyStretch *stretch, ScoreTile tile,
                         float *scores, void *scratch);
// The stage's mask on all of a tile.
void stretch_scores_mask_tile(const ScoreStage *stage, const ScoreTile *tile, float *scores,
                              void *scratch);
