// SPDX-License-Identifier: Apache-2.0
#include "attention/position_mod.h"
#include "base/memory.h"
#include "mods/interpret.h"
#include "mods/interval.h"
#include <inttypes.h>

// Beyond any position, and near enough that the interpreter does with 32 bits.
static const int64_t FAR = (int64_t)1 << 29;
// Elements after those of the sequences: they hold the extremes that binding must prove for.
enum { EXTREMES = 2, LINE_RUNS = 4 };

// Runs of one block of queries.
typedef struct PositionLine {
  int count;
  ScoreRun runs[LINE_RUNS];
} PositionLine;

typedef enum { PAST, WINDOW, ARRAYS } CapturedArray;
typedef enum { ALL_BEFORE, WINDOWED, MASKS } PositionMask;

static const char *const expressions[MASKS] = {
    [ALL_BEFORE] = "kv_idx <= past[b] + q_idx",
    [WINDOWED] = "kv_idx <= past[b] + q_idx and kv_idx > past[b] + q_idx - window[b]",
};

typedef struct {
  Mod *mod;
  BoundMod *bound;
  ModIntervals *intervals;
  ModInterpreter *interpreter;
  ScoreJob *job; // NULL: it is interpreted
} Prepared;

struct PositionMod {
  int64_t most_batch, most_keys;
  int64_t *values[ARRAYS]; // [most_batch + EXTREMES]
  Prepared masks[MASKS];
  CpuTier tier;
  ScoreCompiler *compiler; // of the jobs
};

static bool prepare(PositionMod *mod, PositionMask which, CpuTier tier, Error *error) {
  int64_t extent = mod->most_batch + EXTREMES;
  ModArray arrays[ARRAYS] = {
      {"past", tensor_dense(DTYPE_I64, 1, &extent, mod->values[PAST])},
      {"window", tensor_dense(DTYPE_I64, 1, &extent, mod->values[WINDOW])},
  };
  ModSource source = {.name = "positions",
                      .mask = expressions[which],
                      .array_count = which == WINDOWED ? ARRAYS : 1,
                      .arrays = arrays};
  // As if the extremes belonged to sequences: nothing may be proved from what values are now.
  ModShape shape = {.batch = extent,
                    .heads = 1,
                    .kv_heads = 1,
                    .queries = mod->most_keys,
                    .keys = mod->most_keys,
                    .head_dim = 1};
  Prepared *made = &mod->masks[which];
  if (!(made->mod = mod_parse(&source, error)) ||
      !mod_bind(made->mod, &shape, &made->bound, error) ||
      !(made->intervals = mod_intervals_open(made->bound, error)))
    return false;
  made->interpreter = mod_interpreter_open(made->bound, tier, error);
  return made->interpreter != NULL;
}

static int64_t *make_values(int64_t batch) {
  int64_t *values = memory_allocate((size_t)(batch + EXTREMES) * sizeof *values);
  values[batch] = -FAR;
  values[batch + 1] = FAR;
  return values;
}

PositionMod *position_mod_open(int64_t most_batch, int64_t most_keys, CpuTier tier, Error *error) {
  if (most_keys > FAR) {
    error_set(error, ERROR_UNSUPPORTED, "flex_attention",
              "%" PRId64 " positions, expected at most %" PRId64, most_keys, FAR);
    return NULL;
  }
  PositionMod *mod = memory_allocate(sizeof *mod);
  *mod = (PositionMod){.most_batch = most_batch, .most_keys = most_keys, .tier = tier};
  for (int i = 0; i < ARRAYS; i++) mod->values[i] = make_values(most_batch);
  for (int i = 0; i < MASKS; i++)
    if (!prepare(mod, (PositionMask)i, tier, error)) {
      position_mod_close(mod);
      return NULL;
    }
  return mod;
}

static void end_jobs(PositionMod *mod) {
  for (int i = 0; i < MASKS; i++) {
    if (mod->masks[i].job) mod->compiler->end(mod->masks[i].job);
    mod->masks[i].job = NULL;
  }
}

bool position_mod_compile(PositionMod *mod, ScoreCompiler *compiler, Error *error) {
  bool done = true;
  mod->compiler = compiler;
  for (int i = 0; i < MASKS; i++) { // at once
    ScoreCodeRequest request = {.mod = mod->masks[i].bound, .tier = mod->tier};
    mod->masks[i].job = compiler->start(compiler, &request, true);
  }
  for (int i = 0; i < MASKS; i++) {
    ScoreJob *job = mod->masks[i].job;
    if (compiler->state(job, true) == SCORE_CODE_READY) continue;
    if (done) *error = *compiler->failure(job);
    done = false;
  }
  if (!done) end_jobs(mod);
  return done;
}

void position_mod_close(PositionMod *mod) {
  if (!mod) return;
  end_jobs(mod);
  for (int i = 0; i < MASKS; i++) {
    mod_interpreter_close(mod->masks[i].interpreter);
    mod_intervals_close(mod->masks[i].intervals);
    bound_mod_close(mod->masks[i].bound);
    mod_close(mod->masks[i].mod);
  }
  for (int i = 0; i < ARRAYS; i++) memory_free(mod->values[i]);
  memory_free(mod);
}

int64_t position_mod_scratch_bytes(const PositionMod *mod) {
  int64_t most = 0;
  for (int i = 0; i < MASKS; i++) {
    int64_t bytes = mod_interpreter_scratch_bytes(mod->masks[i].interpreter);
    if (bytes > most) most = bytes;
    if (mod->masks[i].job && SCORE_CODE_SCRATCH > most) most = SCORE_CODE_SCRATCH;
  }
  return most;
}

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t lines_of(int64_t queries, int64_t block) {
  return (queries + block - 1) / block;
}

int64_t position_stage_bytes(const PositionPass *pass) {
  return pass->batch * lines_of(pass->queries, pass->block_rows) * (int64_t)sizeof(PositionLine);
}

// A line that has no room for one more run makes its last one longer, masked.
static void add_run(PositionLine *line, int64_t first, int64_t last, bool partial) {
  ScoreRun *end = line->count ? &line->runs[line->count - 1] : NULL;
  if (end && end->last == first && end->partial == partial)
    end->last = last;
  else if (line->count < LINE_RUNS)
    line->runs[line->count++] = (ScoreRun){first, last, partial};
  else
    *end = (ScoreRun){end->first, last, true};
}

// Blocks of keys [first, last), in order; halved where the intervals leave them open.
static void decide(const PositionStage *stage, PositionLine *line, const ModBox *rows,
                   int64_t first, int64_t last) {
  int64_t block = stage->stage.block_columns;
  ModBox box = *rows;
  box.first_key = first * block;
  box.last_key = least(last * block, stage->stage.keys);
  ModTruth truth = mod_intervals_mask(stage->mod->masks[stage->windowed].intervals, &box);
  if (truth == MOD_NEVER) return;
  if (truth == MOD_SOMETIMES && last - first > 1) {
    decide(stage, line, rows, first, (first + last) / 2);
    decide(stage, line, rows, (first + last) / 2, last);
    return;
  }
  add_run(line, box.first_key, box.last_key, truth == MOD_SOMETIMES);
}

static PositionLine *line_at(const PositionStage *stage, int64_t batch, int64_t query) {
  int64_t lines = lines_of(stage->stage.queries, stage->stage.block_rows);
  return &stage->lines[batch * lines + query / stage->stage.block_rows];
}

static int runs_of_queries(const ScoreStage *stage, int64_t batch, int64_t head, int64_t query,
                           int64_t rows, int64_t *cursor, int most, ScoreRun *runs) {
  (void)head, (void)rows;
  const PositionLine *line = line_at(stage->data, batch, query);
  int count = 0;
  while (count < most && *cursor < line->count) runs[count++] = line->runs[(*cursor)++];
  return count;
}

static void mask_tile(const ScoreStage *stage, const ScoreTile *tile, float *scores,
                      void *scratch) {
  const PositionStage *positions = stage->data;
  ModTile elements = {tile->batch, tile->head,    tile->query, tile->key,
                      tile->rows,  tile->columns, tile->stride};
  mod_interpret_mask(positions->mod->masks[positions->windowed].interpreter, &elements, scores,
                     scratch);
}

// No position is as far as that: what is further sees and hides the same.
static int64_t held(int64_t value) {
  return value < -FAR ? -FAR : least(value, FAR);
}

static void put_values(PositionMod *mod, const PositionPass *pass) {
  for (int64_t b = 0; b < pass->batch; b++) {
    mod->values[PAST][b] = held(pass->past[b]);
    mod->values[WINDOW][b] = held(pass->window);
  }
}

static void fill_lines(PositionStage *stage) {
  const ScoreStage *blocks = &stage->stage;
  int64_t columns = lines_of(blocks->keys, blocks->block_columns);
  for (int64_t b = 0; b < stage->batch; b++)
    for (int64_t q = 0; q < blocks->queries; q += blocks->block_rows) {
      ModBox rows = {.batch = b,
                     .first_query = q,
                     .last_query = least(q + blocks->block_rows, blocks->queries)};
      PositionLine *line = line_at(stage, b, q);
      line->count = 0;
      decide(stage, line, &rows, 0, columns);
    }
}

bool position_mod_fits(const PositionMod *mod, int64_t batch, int64_t keys, Error *error) {
  if (batch <= mod->most_batch && keys <= mod->most_keys) return true;
  return error_set(error, ERROR_ARGUMENT, "flex_attention",
                   "a pass of %" PRId64 " sequences over %" PRId64 " keys, prepared for %" PRId64
                   " over %" PRId64,
                   batch, keys, mod->most_batch, mod->most_keys);
}

void position_stage_start(PositionStage *stage, PositionMod *mod, const PositionPass *pass,
                          void *memory) {
  const Prepared *mask = &mod->masks[pass->window > 0];
  put_values(mod, pass);
  *stage = (PositionStage){.mod = mod,
                           .windowed = pass->window > 0,
                           .batch = pass->batch,
                           .lines = memory,
                           .stage = {.runs_of_queries = runs_of_queries,
                                     .code = mask->job ? mod->compiler->code(mask->job) : NULL,
                                     .mask = mask_tile,
                                     .scratch_bytes = position_mod_scratch_bytes(mod),
                                     .block_rows = pass->block_rows,
                                     .block_columns = pass->block_columns,
                                     .queries = pass->queries,
                                     .keys = pass->keys,
                                     .data = stage}};
  fill_lines(stage);
}
