// SPDX-License-Identifier: Apache-2.0
#include "mask_stage.h"
#include <math.h>
#include <string.h>

static const ReferenceMod *mod_of(const ScoreStage *stage) {
  return ((const MaskStage *)stage->data)->mod;
}

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static bool is_visible(const ReferenceMod *mod, int64_t b, int64_t h, int64_t q, int64_t k) {
  return !mod->visible || mod->visible(mod->data, b, h, q, k);
}

static int64_t count_visible(const ScoreStage *stage, const ScoreTile *tile) {
  int64_t count = 0;
  for (int64_t r = 0; r < tile->rows; r++)
    for (int64_t c = 0; c < tile->columns; c++)
      count += is_visible(mod_of(stage), tile->batch, tile->head, tile->query + r, tile->key + c);
  return count;
}

// One run is one block that is not empty: neighbours are left for the kernel to join.
static int runs_of_queries(const ScoreStage *stage, int64_t batch, int64_t head, int64_t query,
                           int64_t rows, int64_t *cursor, int most, ScoreRun *runs) {
  (void)rows;
  int64_t first = query / stage->block_rows * stage->block_rows;
  ScoreTile tile = {.batch = batch,
                    .head = head,
                    .query = first,
                    .rows = smaller(stage->block_rows, stage->queries - first)};
  int count = 0;
  while (count < most && *cursor < stage->keys) {
    tile.key = *cursor;
    tile.columns = smaller(stage->block_columns, stage->keys - tile.key);
    int64_t visible = count_visible(stage, &tile);
    *cursor += tile.columns;
    if (visible) runs[count++] = (ScoreRun){tile.key, *cursor, visible < tile.rows * tile.columns};
  }
  return count;
}

static void mask_tile(const ScoreStage *stage, const ScoreTile *tile, float *scores,
                      void *scratch) {
  memset(scratch, 0xFF, (size_t)stage->scratch_bytes); // it is the stage's to use
  for (int64_t r = 0; r < tile->rows; r++)
    for (int64_t c = 0; c < tile->columns; c++)
      if (!is_visible(mod_of(stage), tile->batch, tile->head, tile->query + r, tile->key + c))
        scores[r * tile->stride + c] = -INFINITY;
}

static void modify_tile(const ScoreStage *stage, const ScoreTile *tile, float *scores,
                        void *scratch) {
  memset(scratch, 0xFF, (size_t)stage->scratch_bytes);
  const ReferenceMod *mod = mod_of(stage);
  for (int64_t r = 0; r < tile->rows; r++)
    for (int64_t c = 0; c < tile->columns; c++) {
      float *score = &scores[r * tile->stride + c];
      *score = (float)mod->score(mod->data, *score, tile->batch, tile->head, tile->query + r,
                                 tile->key + c);
    }
}

void mask_stage_start(MaskStage *mask, const AttentionProblem *problem, const ReferenceMod *mod,
                      int64_t block_rows, int64_t block_columns) {
  *mask = (MaskStage){.stage = {.runs_of_queries = runs_of_queries,
                                .modify = mod->score ? modify_tile : NULL,
                                .mask = mask_tile,
                                .scratch_bytes = 40,
                                .block_rows = block_rows,
                                .block_columns = block_columns,
                                .queries = problem->queries,
                                .keys = problem->keys,
                                .data = mask},
                      .mod = mod};
}
