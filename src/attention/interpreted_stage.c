// SPDX-License-Identifier: Apache-2.0
#include "attention/interpreted_stage.h"
#include "attention/block_walk.h"
#include "base/clock.h"

static const BlockMask *mask_of(const ScoreStage *stage) {
  return ((const InterpretedStage *)stage->data)->mask;
}

static int runs_of_queries(const ScoreStage *stage, int64_t batch, int64_t head, int64_t query,
                           int64_t rows, int64_t *cursor, int most, ScoreRun *runs) {
  return block_walk_queries(mask_of(stage), batch, head, query, rows, cursor, most, runs);
}

static int runs_of_keys(const ScoreStage *stage, int64_t batch, int64_t head, int64_t key,
                        int64_t columns, int64_t *cursor, int most, ScoreRun *runs) {
  return block_walk_keys(mask_of(stage), batch, head, key, columns, cursor, most, runs);
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
      .block_columns = block_part(mask->block_columns),
      .queries = mask->queries,
      .keys = mask->keys,
      .heads_alike = mask->heads == 1,
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
  if (!interpreted->mask || !interpreted->interpreter) {
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

ScoreStage interpreted_stage_sizes(const AttentionProblem *problem, int64_t block_rows,
                                   int64_t block_columns) {
  BoundMod noop;
  Error error;
  ModInterpreter *interpreter =
      mod_interpreter_open(problem_mod(problem, &noop), cpu_best_tier(), &error);
  ScoreStage sizes = {.scratch_bytes = interpreter ? mod_interpreter_scratch_bytes(interpreter) : 0,
                      .block_rows = block_rows,
                      .block_columns = block_part(block_columns),
                      .queries = problem->queries,
                      .keys = problem->keys};
  mod_interpreter_close(interpreter);
  return sizes;
}

int64_t interpreted_stage_bytes(const AttentionProblem *problem, int64_t block_rows,
                                int64_t block_columns) {
  BoundMod noop;
  return block_mask_bytes(problem_mod(problem, &noop), block_rows, block_columns);
}
