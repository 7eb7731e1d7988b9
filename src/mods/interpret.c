// SPDX-License-Identifier: Apache-2.0
#include "mods/interpret.h"
#include "base/memory.h"
#include "mods/program.h"
#include <string.h>

enum { ALIGNMENT = 64, MOST_KNOWN_BYTES = 4 << 20 };

struct ModInterpreter {
  int64_t query_offset, heads;
  int64_t planes; // batches x heads
  ModProgram programs[MOD_PURPOSE_COUNT];
  bool present[MOD_PURPOSE_COUNT];
  char *known[MOD_PURPOSE_COUNT]; // values of the tile level of each plane; NULL: run each time
};

static const ModLoopTable *table_for(CpuTier tier) {
#if defined(__x86_64__)
  if (tier >= CPU_TIER_AVX512) return &mod_loops_avx512;
  if (tier == CPU_TIER_AVX2) return &mod_loops_avx2;
#endif
  (void)tier;
  return &mod_loops_reference;
}

static int64_t area_of_level(const ModProgram *program, int level) {
  return (program->bytes[level] + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

int64_t mod_interpreter_scratch_bytes(const ModInterpreter *interpreter) {
  int64_t most = 0;
  for (int i = 0; i < MOD_PURPOSE_COUNT; i++) {
    int64_t bytes = 0;
    for (int level = 0; level < MOD_LEVELS; level++)
      bytes += area_of_level(&interpreter->programs[i], level);
    if (bytes > most) most = bytes;
  }
  return most;
}

// One strip of a tile on its way through a program: where each kind of operand lies. Columns that
// are no whole steps would be written past: they are worked on in registers and copied.
typedef struct {
  const ModProgram *program;
  char *base[MOD_PLACE_COUNT];
  int64_t stride[MOD_PLACE_COUNT]; // bytes from row to row, of 4-byte lanes
  int64_t rows, columns, padded;
  bool whole;
} Strip;

static ModLane lane_of(const Strip *strip, ModOperand operand) {
  int64_t stride = strip->stride[operand.place];
  return (ModLane){strip->base[operand.place] + operand.offset,
                   operand.lane == MOD_LANE_LONG ? 2 * stride : stride};
}

static void run_step(const Strip *strip, const ModStep *step, int64_t rows, int64_t columns) {
  if (step->sink && strip->whole && step->in[0].place == MOD_PLACE_RESULT) return; // it is there
  ModLoop loop = {
      .rows = rows,
      .columns = step->sink ? strip->columns : columns,
      .out = lane_of(strip, step->out),
      .in = {lane_of(strip, step->in[0]), lane_of(strip, step->in[1]), lane_of(strip, step->in[2])},
      .array = step->array,
      .extent = step->extent};
  step->run(&loop);
}

static void run_level(const Strip *strip, int level, int64_t rows, int64_t columns) {
  for (size_t i = 0; i < strip->program->steps[level].count; i++)
    run_step(strip, &strip->program->steps[level].items[i], rows, columns);
}

static Strip strip_of(const ModProgram *program, char *scratch) {
  Strip strip = {.program = program};
  for (int level = 0; scratch && level < MOD_LEVELS; level++) {
    strip.base[level] = scratch;
    scratch += area_of_level(program, level);
  }
  strip.base[MOD_PLACE_CONSTANT] = (char *)program->constants.items;
  strip.stride[MOD_PLACE_ROW] = sizeof(float);
  return strip;
}

static int64_t plane_of(const ModInterpreter *interpreter, int64_t batch, int64_t head) {
  return batch * interpreter->heads + head;
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

// The caller's arrays, and the registers that stand for them.
typedef struct {
  const float *scores;
  void *target;
  int64_t stride, element; // bytes of a row, of an element of the target
} Arrays;

static void copy_scores(const Strip *strip, const Arrays *arrays, int64_t first) {
  ModLoop loop = {.rows = strip->rows,
                  .columns = strip->columns,
                  .out = {strip->base[MOD_PLACE_SCORES], strip->stride[MOD_PLACE_SCORES]},
                  .in = {{(void *)(arrays->scores + first), arrays->stride}}};
  loop.in[1] = loop.in[0];
  strip->program->table->function[MOD_LOOP_COPY][0](&loop);
}

// first: the element of the arrays that the strip begins with.
static void place_arrays(Strip *strip, const Arrays *arrays, int64_t first) {
  const ModProgram *program = strip->program;
  char *registers = strip->base[MOD_PLACE_ELEMENT];
  char *target = (char *)arrays->target + first * arrays->element;
  int64_t line = strip->padded * (int64_t)sizeof(float);
  strip->stride[MOD_PLACE_ELEMENT] = line;
  strip->base[MOD_PLACE_TARGET] = target;
  strip->stride[MOD_PLACE_TARGET] = arrays->stride;
  strip->base[MOD_PLACE_RESULT] = strip->whole ? target : registers + program->result;
  strip->stride[MOD_PLACE_RESULT] = strip->whole ? arrays->stride : line;
  if (!program->reads_scores) return;
  char *scores = (char *)(arrays->scores + first);
  strip->base[MOD_PLACE_SCORES] = strip->whole ? scores : registers + program->score_copy;
  strip->stride[MOD_PLACE_SCORES] = strip->whole ? arrays->stride : line;
  if (!strip->whole) copy_scores(strip, arrays, first);
}

static void run_rows(Strip *strip, const Arrays *arrays, int64_t first, int64_t query) {
  int64_t lanes = padded(strip->rows);
  count_index(strip, MOD_QUERY - MOD_BATCH, query, lanes);
  run_level(strip, MOD_PLACE_ROW, 1, lanes);
  place_arrays(strip, arrays, first);
  run_level(strip, MOD_PLACE_ELEMENT, strip->rows, strip->padded);
}

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static void run_columns(Strip *strip, const Arrays *arrays, const ModTile *tile, int64_t query,
                        int64_t column) {
  strip->columns = least(tile->columns - column, MOD_STRIP_COLUMNS);
  strip->padded = padded(strip->columns);
  strip->whole = strip->padded == strip->columns;
  count_index(strip, MOD_KEY - MOD_BATCH, tile->key + column, strip->padded);
  run_level(strip, MOD_PLACE_COLUMN, 1, strip->padded);
  int64_t rows = least(MOD_STRIP_ELEMENTS / strip->padded, MOD_STRIP_ROWS);
  for (int64_t row = 0; row < tile->rows; row += rows) {
    strip->rows = least(tile->rows - row, rows);
    run_rows(strip, arrays, row * tile->stride + column, query + row);
  }
}

static void run_tile_level(Strip *strip, int64_t batch, int64_t head) {
  fill_index(strip, 0, batch);
  fill_index(strip, MOD_HEAD - MOD_BATCH, head);
  run_level(strip, MOD_PLACE_TILE, 1, MOD_LOOP_STEP);
}

static void run_tile(const ModInterpreter *interpreter, ModPurpose purpose, const ModTile *tile,
                     const float *scores, void *target, void *scratch) {
  const ModProgram *program = &interpreter->programs[purpose];
  const char *known = interpreter->known[purpose];
  int64_t element = purpose == MOD_PURPOSE_SHOW ? 1 : sizeof(float);
  Arrays arrays = {scores, target, tile->stride * element, element};
  Strip strip = strip_of(program, scratch);
  if (known)
    strip.base[MOD_PLACE_TILE] = (char *)known + plane_of(interpreter, tile->batch, tile->head) *
                                                     area_of_level(program, MOD_PLACE_TILE);
  else
    run_tile_level(&strip, tile->batch, tile->head);
  for (int64_t column = 0; column < tile->columns; column += MOD_STRIP_COLUMNS)
    run_columns(&strip, &arrays, tile, tile->query + interpreter->query_offset, column);
}

// The values of arrays may be others at the next tile.
static bool reads_arrays(const ModTree *tree) {
  for (int i = 0; i < tree->count; i++)
    if (tree->nodes[i].operation == MOD_ELEMENT) return true;
  return false;
}

// What depends on batch and head alone is computed once for all, where that is little.
static void know_tiles(ModInterpreter *interpreter, ModPurpose purpose) {
  const ModProgram *program = &interpreter->programs[purpose];
  int64_t bytes = area_of_level(program, MOD_PLACE_TILE);
  if (bytes == 0 || interpreter->planes > MOST_KNOWN_BYTES / bytes) return;
  char *known = memory_allocate((size_t)(interpreter->planes * bytes));
  for (int64_t plane = 0; plane < interpreter->planes; plane++) {
    Strip strip = strip_of(program, NULL);
    strip.base[MOD_PLACE_TILE] = known + plane * bytes;
    run_tile_level(&strip, plane / interpreter->heads, plane % interpreter->heads);
  }
  interpreter->known[purpose] = known;
}

ModInterpreter *mod_interpreter_open(const BoundMod *bound, CpuTier tier, Error *error) {
  const ModTree *trees[MOD_PURPOSE_COUNT] = {[MOD_PURPOSE_SCORE] = &bound->score,
                                             [MOD_PURPOSE_SCALE] = &bound->derivative,
                                             [MOD_PURPOSE_HIDE] = &bound->mask,
                                             [MOD_PURPOSE_SHOW] = &bound->mask};
  ModInterpreter *interpreter = memory_allocate(sizeof *interpreter);
  interpreter->query_offset = bound->shape.query_offset;
  interpreter->heads = bound->shape.heads;
  bool small = bound->shape.batch <= MOST_KNOWN_BYTES / bound->shape.heads;
  interpreter->planes = small ? bound->shape.batch * bound->shape.heads : INT64_MAX;
  for (int i = 0; i < MOD_PURPOSE_COUNT; i++) {
    if (trees[i]->count == 0) continue;
    if (!mod_program_compile(&interpreter->programs[i], bound, trees[i], (ModPurpose)i,
                             table_for(tier), error)) {
      mod_interpreter_close(interpreter);
      return NULL;
    }
    interpreter->present[i] = true;
    if (!reads_arrays(trees[i])) know_tiles(interpreter, (ModPurpose)i);
  }
  return interpreter;
}

void mod_interpreter_close(ModInterpreter *interpreter) {
  if (!interpreter) return;
  for (int i = 0; i < MOD_PURPOSE_COUNT; i++) {
    mod_program_free(&interpreter->programs[i]);
    memory_free(interpreter->known[i]);
  }
  memory_free(interpreter);
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
