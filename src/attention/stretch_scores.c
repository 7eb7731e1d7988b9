// SPDX-License-Identifier: Apache-2.0
#include "attention/stretch_scores.h"

enum { ROWS = 16 }; // at a time

// Code that only masks: the largest of each row is not asked for.
static void mask_by_forward(const ScoreCode *code, ScoreCall call) {
  float largest[ROWS] = {0}, found[ROWS];
  ScoreTile *tile = &call.tile;
  ScoreRun all = {tile->key, tile->key + tile->columns, true};
  int64_t rows = tile->rows;
  call.parts = &all;
  call.part_count = 1;
  call.largest = largest;
  call.found = found;
  for (int64_t row = 0; row < rows; row += ROWS) {
    tile->rows = rows - row < ROWS ? rows - row : ROWS;
    code->forward(&call);
    tile->query += ROWS;
    call.scores += ROWS * tile->stride;
  }
}

void stretch_scores_mask_tile(const ScoreStage *stage, const ScoreTile *tile, float *scores,
                              void *scratch) {
  const ScoreCode *code = stage->code;
  if (!code) {
    stage->mask(stage, tile, scores, scratch);
    return;
  }
  ScoreCall call = {.tile = *tile, .scores = scores, .scratch = scratch, .given = &code->given};
  if (code->mask)
    code->mask(&call);
  else
    mask_by_forward(code, call);
}

void stretch_scores_mask(const ScoreStage *stage, const KeyStretch *stretch, ScoreTile tile,
                         float *scores, void *scratch) {
  for (int i = 0; i < stretch->parts; i++) {
    const ScoreRun *part = &stretch->partial[i];
    tile.key = part->first;
    tile.columns = part->last - part->first;
    stretch_scores_mask_tile(stage, &tile, scores + (part->first - stretch->first), scratch);
  }
}

void stretch_scores_apply(const ScoreStage *stage, const KeyStretch *stretch, ScoreTile tile,
                          float *scores, const float *largest, float *found, void *scratch) {
  tile.key = stretch->first;
  tile.columns = stretch->last - stretch->first;
  if (stage->code) {
    ScoreCall call = {.tile = tile,
                      .parts = stretch->partial,
                      .part_count = stretch->parts,
                      .scores = scores,
                      .largest = largest,
                      .found = found,
                      .scratch = scratch,
                      .given = &stage->code->given};
    stage->code->forward(&call);
    return;
  }
  if (stage->modify) stage->modify(stage, &tile, scores, scratch);
  stretch_scores_mask(stage, stretch, tile, scores, scratch);
}
