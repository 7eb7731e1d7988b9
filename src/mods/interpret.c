// SPDX-License-Identifier: Apache-2.0
#include "mods/interpret.h"
#include "base/memory.h"
#include "mods/program.h"
#include <string.h>

enum { ALIGNMENT = 64 };

struct ModInterpreter {
  int64_t query_offset;
  ModProgram programs[4]; // by purpose
  bool present[4];
};

static const ModLoopTable *table_for(CpuTier tier) {
#if defined(__x86_64__)
  if (tier >= CPU_TIER_AVX512) return &mod_loops_avx512;
  if (tier == CPU_TIER_AVX2) return &mod_loops_avx2;
#endif
  (void)tier;
  return &mod_loops_reference;
}

ModInterpreter *mod_interpreter_open(const BoundMod *bound, CpuTier tier, Error *error) {
  ModInterpreter *interpreter = memory_allocate(sizeof *interpreter);
  interpreter->query_offset = bound->shape.query_offset;
  const ModTree *trees[4] = {[MOD_PURPOSE_SCORE] = &bound->score,
                             [MOD_PURPOSE_SCALE] = &bound->derivative,
                             [MOD_PURPOSE_HIDE] = &bound->mask,
                             [MOD_PURPOSE_SHOW] = &bound->mask};
  for (int i = 0; i < 4; i++) {
    if (trees[i]->count == 0) continue;
    if (!mod_program_compile(&interpreter->programs[i], bound, trees[i], (ModPurpose)i,
                             table_for(tier), error)) {
      mod_interpreter_close(interpreter);
      return NULL;
    }
    interpreter->present[i] = true;
  }
  return interpreter;
}

void mod_interpreter_close(ModInterpreter *interpreter) {
  if (!interpreter) return;
  for (int i = 0; i < 4; i++) mod_program_free(&interpreter->programs[i]);
  memory_free(interpreter);
}

static int64_t area_of_level(const ModProgram *program, int level) {
  return (program->bytes[level] + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

int64_t mod_interpreter_scratch_bytes(const ModInterpreter *interpreter) {
  int64_t most = 0;
  for (int i = 0; i < 4; i++) {
    int64_t bytes = 0;
    for (int level = 0; level < MOD_LEVELS; level++)
      bytes += area_of_level(&interpreter->programs[i], level);
    if (bytes > most) most = bytes;
  }
  return most;
}

// One strip of a tile on its way through a program.
typedef struct {
  const ModProgram *program;
  char *area[MOD_LEVELS]; // scratch
  int64_t rows, columns, padded;
  bool whole;          // columns are whole steps: the caller's arrays serve as registers
  const float *scores; // of the strip's first element, as the target
  void *target;
  int64_t stride, target_size; // elements from row to row, bytes of one
} Strip;

static ModLane lane_of(const Strip *strip, ModOperand operand) {
  int64_t size = mod_lane_size(operand.lane);
  switch (operand.place) {
  case MOD_PLACE_TILE:
  case MOD_PLACE_COLUMN: return (ModLane){strip->area[operand.place] + operand.offset, 0};
  case MOD_PLACE_ROW: return (ModLane){strip->area[MOD_PLACE_ROW] + operand.offset, size};
  case MOD_PLACE_CONSTANT:
    return (ModLane){(char *)strip->program->constants.items + operand.offset, 0};
  case MOD_PLACE_SCORES:
    if (!strip->whole) return lane_of(strip, strip->program->score_copy);
    return (ModLane){(void *)strip->scores, strip->stride * (int64_t)sizeof(float)};
  case MOD_PLACE_ELEMENT: break;
  case MOD_PLACE_RESULT:
    if (!strip->whole) break;
    return (ModLane){strip->target, strip->stride * strip->target_size};
  case MOD_PLACE_TARGET: return (ModLane){strip->target, strip->stride * strip->target_size};
  }
  return (ModLane){strip->area[MOD_PLACE_ELEMENT] + operand.offset, strip->padded * size};
}

static void run_step(const Strip *strip, const ModStep *step, int64_t rows, int64_t columns) {
  if (step->sink && strip->whole && step->in[0].place == MOD_PLACE_RESULT) return; // it is there
  ModLoop loop = {.rows = rows,
                  .columns = step->sink ? strip->columns : columns,
                  .out = lane_of(strip, step->out),
                  .array = step->array,
                  .extent = step->extent};
  for (int i = 0; i < 3; i++) loop.in[i] = lane_of(strip, step->in[i]);
  step->run(&loop);
}

static void run_level(const Strip *strip, int level, int64_t rows, int64_t columns) {
  for (size_t i = 0; i < strip->program->steps[level].count; i++)
    run_step(strip, &strip->program->steps[level].items[i], rows, columns);
}

static int64_t padded(int64_t count) {
  return (count + MOD_LOOP_STEP - 1) / MOD_LOOP_STEP * MOD_LOOP_STEP;
}

// Consecutive values of an index (which: b, h, q_idx, kv_idx), if the program reads it.
static void count_index(const Strip *strip, int which, int64_t first, int64_t count) {
  const ModProgram *program = strip->program;
  if (!program->reads[which]) return;
  bool is_long = program->index[which].lane == MOD_LANE_LONG;
  ModLoop loop = {.columns = count, .first = first, .out = lane_of(strip, program->index[which])};
  program->table->function[is_long ? MOD_LOOP_COUNT_LONG : MOD_LOOP_COUNT_INT][0](&loop);
}

static void fill_index(const Strip *strip, int which, int64_t value) {
  const ModProgram *program = strip->program;
  if (!program->reads[which]) return;
  void *lanes = lane_of(strip, program->index[which]).data;
  bool is_long = program->index[which].lane == MOD_LANE_LONG;
  for (int i = 0; i < MOD_LOOP_STEP; i++) {
    if (is_long)
      ((int64_t *)lanes)[i] = value;
    else
      ((int32_t *)lanes)[i] = (int32_t)value;
  }
}

// Columns that are no whole steps would be written past: they are worked on in a copy.
static void copy_scores(const Strip *strip) {
  if (strip->whole || !strip->program->reads_scores) return;
  ModLoop loop = {.rows = strip->rows,
                  .columns = strip->columns,
                  .out = lane_of(strip, strip->program->score_copy)};
  loop.in[0] = (ModLane){(void *)strip->scores, strip->stride * (int64_t)sizeof(float)};
  strip->program->table->function[MOD_LOOP_COPY][0](&loop);
}

static void run_rows(Strip *strip, const ModTile *tile, int64_t offset, int64_t row,
                     int64_t column) {
  const Strip whole = *strip;
  int64_t start = row * tile->stride + column;
  strip->scores = whole.scores ? whole.scores + start : NULL;
  strip->target = (char *)whole.target + start * strip->target_size;
  count_index(strip, MOD_QUERY - MOD_BATCH, tile->query + offset + row, padded(strip->rows));
  run_level(strip, MOD_PLACE_ROW, 1, padded(strip->rows));
  copy_scores(strip);
  run_level(strip, MOD_PLACE_ELEMENT, strip->rows, strip->padded);
  *strip = whole;
}

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static void run_tile(const ModInterpreter *interpreter, ModPurpose purpose, const ModTile *tile,
                     const float *scores, void *target, void *scratch) {
  const ModProgram *program = &interpreter->programs[purpose];
  Strip strip = {.program = program, .scores = scores, .target = target, .stride = tile->stride};
  strip.target_size = purpose == MOD_PURPOSE_SHOW ? 1 : sizeof(float);
  for (int level = 0; level < MOD_LEVELS; level++) {
    strip.area[level] = scratch;
    scratch = (char *)scratch + area_of_level(program, level);
  }
  fill_index(&strip, 0, tile->batch);
  fill_index(&strip, MOD_HEAD - MOD_BATCH, tile->head);
  run_level(&strip, MOD_PLACE_TILE, 1, MOD_LOOP_STEP);
  for (int64_t column = 0; column < tile->columns; column += MOD_STRIP_COLUMNS) {
    strip.columns = least(tile->columns - column, MOD_STRIP_COLUMNS);
    strip.padded = padded(strip.columns);
    strip.whole = strip.padded == strip.columns;
    count_index(&strip, MOD_KEY - MOD_BATCH, tile->key + column, strip.padded);
    run_level(&strip, MOD_PLACE_COLUMN, 1, strip.padded);
    int64_t rows = least(MOD_STRIP_ELEMENTS / strip.padded, MOD_STRIP_ROWS);
    for (int64_t row = 0; row < tile->rows; row += rows) {
      strip.rows = least(tile->rows - row, rows);
      run_rows(&strip, tile, interpreter->query_offset, row, column);
    }
  }
}

void mod_interpret_score(const ModInterpreter *interpreter, const ModTile *tile, float *scores,
                         void *scratch) {
  if (interpreter->present[MOD_PURPOSE_SCORE])
    run_tile(interpreter, MOD_PURPOSE_SCORE, tile, scores, scores, scratch);
}

void mod_interpret_mask(const ModInterpreter *interpreter, const ModTile *tile, float *scores,
                        void *scratch) {
  if (interpreter->present[MOD_PURPOSE_HIDE])
    run_tile(interpreter, MOD_PURPOSE_HIDE, tile, NULL, scores, scratch);
}

void mod_interpret_derivative(const ModInterpreter *interpreter, const ModTile *tile,
                              const float *scores, float *gradients, void *scratch) {
  if (interpreter->present[MOD_PURPOSE_SCALE])
    run_tile(interpreter, MOD_PURPOSE_SCALE, tile, scores, gradients, scratch);
}

void mod_interpret_visible(const ModInterpreter *interpreter, const ModTile *tile, uint8_t *visible,
                           void *scratch) {
  if (interpreter->present[MOD_PURPOSE_SHOW]) {
    run_tile(interpreter, MOD_PURPOSE_SHOW, tile, NULL, visible, scratch);
    return;
  }
  for (int64_t row = 0; row < tile->rows; row++)
    memset(visible + row * tile->stride, 1, (size_t)tile->columns);
}
