// SPDX-License-Identifier: Apache-2.0
#include "bench/attention/flex_tuner.h"
#include "base/clock.h"
#include "base/memory.h"
#include "compile/tuner.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SIDES = 2 };

void flex_tiles_name(const FlexTiles *tiles, char name[TUNING_NAME]) {
  snprintf(name, TUNING_NAME, "rows %" PRId64 " columns %" PRId64 " unit %" PRId64 " keys %" PRId64,
           tiles->block_rows, tiles->block_columns, tiles->unit_rows, tiles->key_block);
}

bool flex_tiles_parse(const char *name, FlexTiles *tiles) {
  char again[TUNING_NAME];
  *tiles = (FlexTiles){0};
  if (sscanf(name, "rows %" SCNd64 " columns %" SCNd64 " unit %" SCNd64 " keys %" SCNd64,
             &tiles->block_rows, &tiles->block_columns, &tiles->unit_rows, &tiles->key_block) != 4)
    return false;
  flex_tiles_name(tiles, again);
  return strcmp(name, again) == 0 && tiles->block_rows >= 0 && tiles->block_rows <= 4096 &&
         tiles->block_columns >= 0 && tiles->block_columns % 128 == 0 &&
         tiles->block_columns <= 4096 && tiles->unit_rows >= 0 && tiles->unit_rows <= 192 &&
         tiles->key_block >= 0 && tiles->key_block <= SCORE_TILE_COLUMNS;
}

// A plan under trial.
typedef struct {
  const CellBackend *backend;
  CellTensors *tensors;
  AttentionPlan *plan;
} Trial;

static void run(void *context) {
  const Trial *trial = context;
  const AttentionBackend *backend = trial->backend->backend;
  CellTensors *tensors = trial->tensors;
  backend->forward(trial->plan, &tensors->operands, &tensors->result);
  if (trial->backend->backward)
    backend->backward(trial->plan, &tensors->operands, &tensors->result, &tensors->dout,
                      &tensors->gradients);
}

typedef struct {
  const CellBackend *backend;
  CellTensors *tensors;
  const AttentionProblem *problem;
  AttentionSetup setup;
  Trial *best;
  FlexTiles tiles; // of the best
  Tuner tuner;
} Search;

// NULL: there is no such plan.
static Trial *prepare(Search *search, const FlexTiles *tiles) {
  Error ignored;
  const AttentionBackend *backend = search->backend->backend;
  search->setup.tiles = *tiles;
  AttentionPlan *plan =
      backend->prepare(search->problem, search->backend->backward, &search->setup, &ignored);
  if (!plan) return NULL;
  Trial *trial = memory_allocate(sizeof *trial);
  *trial = (Trial){search->backend, search->tensors, plan};
  return trial;
}

static void release(Trial *trial) {
  if (trial) trial->backend->backend->release(trial->plan);
  memory_free(trial);
}

static void try_tiles(Search *search, FlexTiles tiles) {
  char name[TUNING_NAME];
  flex_tiles_name(&tiles, name);
  Trial *trial = tuner_wants(&search->tuner, name) ? prepare(search, &tiles) : NULL;
  if (!trial) return;
  if (tuner_try(&search->tuner, name, trial)) {
    release(search->best);
    search->best = trial;
    search->tiles = tiles;
  } else {
    release(trial);
  }
}

// What flex does by itself comes first.
static bool begin(Search *search, const Tuner *plan, TuningRecord *record) {
  char name[TUNING_NAME];
  search->best = prepare(search, &search->tiles);
  Trial *same = search->best ? prepare(search, &search->tiles) : NULL;
  flex_tiles_name(&search->tiles, name);
  if (same) search->tuner = tuner_begin(plan, record, name, search->best, same);
  release(same);
  return same != NULL;
}

// One property after the other, each with the best of those before it.
static void search_all(Search *search) {
  int64_t tile = search->setup.kernels->tile_rows;
  bool many = search->problem->queries > 1;
  const int64_t rows[] = {8 * tile, 32 * tile, 128}, columns[] = {256, 512};
  const int64_t keys[] = {256, 384, 512, 768, 1024}, units[] = {8 * tile, 64, 128, 192};
  FlexTiles tiles;
  for (size_t i = 0; i < COUNT_OF(rows) && many; i++)
    tiles = search->tiles, tiles.block_rows = rows[i], try_tiles(search, tiles);
  for (size_t i = 0; i < COUNT_OF(columns); i++)
    tiles = search->tiles, tiles.block_columns = columns[i], try_tiles(search, tiles);
  for (size_t i = 0; i < COUNT_OF(keys); i++)
    tiles = search->tiles, tiles.key_block = keys[i], try_tiles(search, tiles);
  for (size_t i = 0; i < COUNT_OF(units) && many; i++)
    tiles = search->tiles, tiles.unit_rows = units[i], try_tiles(search, tiles);
}

static bool make_key(const char *what, const AttentionSetup *setup, char key[SHA256_HEX_SIZE]) {
  Error ignored;
  Text text = {0};
  text_append_format(&text, "flex tiles, %s, %d threads\n%s", cpu_tier_name(setup->kernels->tier),
                     team_size(setup->team), what);
  bool done = tuning_store_key(text.data, key, &ignored);
  text_free(&text);
  return done;
}

static void measure(const CellBackend *backend, CellTensors *tensors,
                    const AttentionProblem *problem, const AttentionSetup *setup, double seconds,
                    FlexTuning *tuning) {
  Search search = {.backend = backend, .tensors = tensors, .problem = problem, .setup = *setup};
  int64_t start = clock_now();
  Tuner plan = {.run = run,
                .now = clock_now,
                .trial_ns = (int64_t)(seconds * 1e9 / (SIDES * TUNING_MOST_CANDIDATES)),
                .deadline = start + (int64_t)(seconds * 1e9)};
  search.setup.compile_later = false;
  tuning->present = begin(&search, &plan, &tuning->record);
  if (tuning->present) search_all(&search);
  release(search.best);
  tuning->tiles = search.tiles;
  tuning->record.tuning_ns = clock_now() - start;
  snprintf(tuning->record.label, sizeof tuning->record.label, "flex %.40s, %" PRId64 " x %" PRId64,
           problem->mod ? problem->mod->name : "noop", problem->queries, problem->keys);
  tuning_record_stamp(&tuning->record);
}

FlexTuning flex_tuner_run(const CellBackend *backend, CellTensors *tensors,
                          const AttentionProblem *problem, const AttentionSetup *setup,
                          const FlexTunerOptions *options) {
  char key[SHA256_HEX_SIZE];
  FlexTuning tuning = {0};
  bool keyed = options->cache && make_key(options->what, setup, key);
  if (keyed && tuning_store_find(options->cache, key, &tuning.record) &&
      flex_tiles_parse(tuning.record.candidates[tuning.record.winner].name, &tuning.tiles)) {
    tuning.present = tuning.cached = true;
    return tuning;
  }
  tuning = (FlexTuning){0};
  measure(backend, tensors, problem, setup, options->seconds, &tuning);
  if (keyed && tuning.present) tuning_store_put(options->cache, key, &tuning.record);
  return tuning;
}
