// SPDX-License-Identifier: Apache-2.0
#include "attention/interpreted_stage.h"
#include "base/clock.h"

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

// The runs of a line from the cursor on, in elements of blocks of `block` and `count` in all.
static int runs_of_line(const BlockLines *lines, int64_t line, int64_t block, int64_t count,
                        int64_t *cursor, int most, ScoreRun *runs) {
  int64_t first = lines->start[line] + *cursor;
  int64_t taken = least(most, lines->start[line + 1] - first);
  for (int64_t i = 0; i < taken; i++) {
    const BlockRun *run = &lines->runs[first + i];
    runs[i] = (ScoreRun){run->first * block, least(run->last * block, count), !run->full};
  }
  *cursor += taken;
  return (int)taken;
}

// The cursor is the place of the next run in its line.
static int runs_of_queries(const ScoreStage *stage, int64_t batch, int64_t head, int64_t query,
                           int64_t rows, int64_t *cursor, int most, ScoreRun *runs) {
  (void)rows;
  const BlockMask *mask = ((const InterpretedStage *)stage->data)->mask;
  int64_t line = block_mask_line(mask, &mask->by_query, batch, head, query / mask->block_rows);
  return runs_of_line(&mask->by_query, line, mask->block_columns, mask->keys, cursor, most, runs);
}

static int runs_of_keys(const ScoreStage *stage, int64_t batch, int64_t head, int64_t key,
                        int64_t columns, int64_t *cursor, int most, ScoreRun *runs) {
  (void)columns;
  const BlockMask *mask = ((const InterpretedStage *)stage->data)->mask;
  int64_t line = block_mask_line(mask, &mask->by_key, batch, head, key / mask->block_columns);
  return runs_of_line(&mask->by_key, line, mask->block_rows, mask->queries, cursor, most, runs);
}

static const ModInterpreter *interpreter_of(const ScoreStage *stage) {
  return ((const InterpretedStage *)stage->data)->interpreter;
}

static ModTile tile_of(const ScoreTile *tile) {
  return (ModTile){tile->batch, tile->head,    tile->query, tile->key,
                   tile->rows,  tile->columns, tile->stride};
}

static void modify(const ScoreStage *stage, const ScoreTile *tile, float *scores, void *scratch) {
  ModTile elements = tile_of(tile);
  mod_interpret_score(interpreter_of(stage), &elements, scores, scratch);
}

static void mask_tile(const ScoreStage *stage, const ScoreTile *tile, float *scores,
                      void *scratch) {
  ModTile elements = tile_of(tile);
  mod_interpret_mask(interpreter_of(stage), &elements, scores, scratch);
}

static void derive(const ScoreStage *stage, const ScoreTile *tile, const float *scores,
                   float *gradients, void *scratch) {
  ModTile elements = tile_of(tile);
  mod_interpret_derivative(interpreter_of(stage), &elements, scores, gradients, scratch);
}

static void start(InterpretedStage *interpreted, const BoundMod *bound) {
  const BlockMask *mask = interpreted->mask;
  interpreted->stage = (ScoreStage){
      .runs_of_queries = runs_of_queries,
      .runs_of_keys = runs_of_keys,
      .modify = bound->score.count ? modify : NULL,
      .mask = mask_tile,
      .derive = bound->derivative.count ? derive : NULL,
      .scratch_bytes = mod_interpreter_scratch_bytes(interpreted->interpreter),
      .block_rows = mask->block_rows,
      .block_columns = mask->block_columns,
      .queries = mask->queries,
      .keys = mask->keys,
      .data = interpreted,
  };
}

InterpretedStage *interpreted_stage_open(const AttentionProblem *problem, int64_t block_rows,
                                         int64_t block_columns, CpuTier tier, Team *team,
                                         Error *error) {
  InterpretedStage *interpreted = memory_allocate(sizeof *interpreted);
  const BoundMod *bound = problem_mod(problem, &interpreted->noop);
  int64_t begin = clock_now();
  interpreted->mask = block_mask_build(bound, block_rows, block_columns, tier, team, error);
  interpreted->build_ns = clock_now() - begin;
  if (interpreted->mask) interpreted->interpreter = mod_interpreter_open(bound, tier, error);
  if (!interpreted->interpreter) {
    interpreted_stage_close(interpreted);
    return NULL;
  }
  start(interpreted, bound);
  return interpreted;
}

void interpreted_stage_close(InterpretedStage *interpreted) {
  if (!interpreted) return;
  mod_interpreter_close(interpreted->interpreter);
  block_mask_close(interpreted->mask);
  memory_free(interpreted);
}

int64_t interpreted_stage_bytes(const AttentionProblem *problem, int64_t block_rows,
                                int64_t block_columns) {
  BoundMod noop;
  return block_mask_bytes(problem_mod(problem, &noop), block_rows, block_columns);
}
