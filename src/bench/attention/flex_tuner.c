// SPDX-License-Identifier: Apache-2.0
#include "bench/attention/flex_tuner.h"
#include "base/clock.h"
#include "bench/attention/cell_timing.h"
#include "statistics/bootstrap.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { SEED = 1, WARMUP = 2, SIDES = 2 };
static const double clear_ratio = 0.99; // what is not faster than that is not worth a change

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
  Trial best;
  FlexTiles tiles; // of the best
  int64_t trial_ns, deadline;
  TuningRecord *record;
} Tuner;

static bool prepare(Tuner *tuner, const FlexTiles *tiles, Trial *trial) {
  Error ignored;
  const AttentionBackend *backend = tuner->backend->backend;
  tuner->setup.tiles = *tiles;
  *trial = (Trial){tuner->backend, tuner->tensors, NULL};
  trial->plan = backend->prepare(tuner->problem, tuner->backend->backward, &tuner->setup, &ignored);
  return trial->plan != NULL;
}

static void release(Tuner *tuner, Trial *trial) {
  if (trial->plan) tuner->backend->backend->release(trial->plan);
}

static void to_doubles(const TimedCall *call, double *values) {
  for (int i = 0; i < call->count; i++) values[i] = (double)call->values_ns[i];
}

// The best so far and another, in turn. Whether the other is clearly faster.
static bool compare(Tuner *tuner, Trial *other, TuningCandidate *candidate) {
  int64_t values_ns[2][TIMING_MOST];
  double values[2][TIMING_MOST];
  TimedCall calls[2] = {{.context = &tuner->best, .run = run, .values_ns = values_ns[0]},
                        {.context = other, .run = run, .values_ns = values_ns[1]}};
  TimingPlan plan = {.warmup = WARMUP, .time_ns = tuner->trial_ns, .now = clock_now};
  for (int i = 0; i < 2; i++) cell_timing_warm_up(&plan, &calls[i]);
  cell_timing_run(&plan, calls, 2);
  for (int i = 0; i < 2; i++) to_doubles(&calls[i], values[i]);
  Interval interval =
      bootstrap_ratio(values[1], (size_t)calls[1].count, values[0], (size_t)calls[0].count, SEED);
  double best = cell_timing_summary(values_ns[0], calls[0].count).median;
  double median = cell_timing_summary(values_ns[1], calls[1].count).median;
  candidate->median_ns = (int64_t)median;
  candidate->count = calls[1].count;
  candidate->ratio = median / best;
  candidate->low = interval.low;
  candidate->high = interval.high;
  return candidate->ratio < clear_ratio && interval.high < 1;
}

static bool tried(const TuningRecord *record, const char *name) {
  for (int i = 0; i < record->count; i++)
    if (strcmp(record->candidates[i].name, name) == 0) return true;
  return false;
}

static void try_tiles(Tuner *tuner, FlexTiles tiles) {
  TuningRecord *record = tuner->record;
  TuningCandidate *candidate = &record->candidates[record->count];
  Trial trial;
  if (record->count == TUNING_MOST_CANDIDATES || clock_now() > tuner->deadline) return;
  flex_tiles_name(&tiles, candidate->name);
  if (tried(record, candidate->name) || !prepare(tuner, &tiles, &trial)) return;
  // Of many candidates one may seem faster by chance: not twice.
  if (compare(tuner, &trial, candidate) && compare(tuner, &trial, candidate)) {
    release(tuner, &tuner->best);
    tuner->best = trial;
    tuner->tiles = tiles;
    record->winner = record->count;
  } else {
    release(tuner, &trial);
  }
  record->count++;
}

// What flex does by itself comes first and is what others are compared with; it is timed against
// itself, so that the record shows the noise too.
static bool begin(Tuner *tuner) {
  TuningRecord *record = tuner->record;
  Trial same;
  if (!prepare(tuner, &tuner->tiles, &tuner->best)) return false;
  flex_tiles_name(&tuner->tiles, record->candidates[0].name);
  if (!prepare(tuner, &tuner->tiles, &same)) return false;
  (void)compare(tuner, &same, &record->candidates[0]);
  release(tuner, &same);
  record->count = 1;
  return true;
}

// One property after the other, each with the best of those before it.
static void search(Tuner *tuner) {
  int64_t tile = tuner->setup.kernels->tile_rows;
  const int64_t rows[] = {8 * tile, 32 * tile, 128}, columns[] = {256, 512};
  const int64_t keys[] = {256, 384, 512, 768, 1024}, units[] = {8 * tile, 64, 128, 192};
  FlexTiles tiles = tuner->tiles;
  for (size_t i = 0; i < COUNT_OF(rows) && tuner->problem->queries > 1; i++)
    tiles = tuner->tiles, tiles.block_rows = rows[i], try_tiles(tuner, tiles);
  for (size_t i = 0; i < COUNT_OF(columns); i++)
    tiles = tuner->tiles, tiles.block_columns = columns[i], try_tiles(tuner, tiles);
  for (size_t i = 0; i < COUNT_OF(keys); i++)
    tiles = tuner->tiles, tiles.key_block = keys[i], try_tiles(tuner, tiles);
  for (size_t i = 0; i < COUNT_OF(units) && tuner->problem->queries > 1; i++)
    tiles = tuner->tiles, tiles.unit_rows = units[i], try_tiles(tuner, tiles);
}

// The program itself is part of the question: other kernels, other winners.
static bool make_key(const char *what, const AttentionSetup *setup, char key[SHA256_HEX_SIZE]) {
  struct stat self = {0};
  Error ignored;
  Text text = {0};
  (void)stat("/proc/self/exe", &self);
  text_append_format(&text, "flex tiles, %s, %d threads\n%" PRId64 " %" PRId64 ".%09ld\n%s",
                     cpu_tier_name(setup->kernels->tier), team_size(setup->team),
                     (int64_t)self.st_size, (int64_t)self.st_mtim.tv_sec, self.st_mtim.tv_nsec,
                     what);
  bool done = tuning_store_key(text.data, key, &ignored);
  text_free(&text);
  return done;
}

static void measure(const CellBackend *backend, CellTensors *tensors,
                    const AttentionProblem *problem, const AttentionSetup *setup, double seconds,
                    FlexTuning *tuning) {
  Tuner tuner = {.backend = backend,
                 .tensors = tensors,
                 .problem = problem,
                 .setup = *setup,
                 .record = &tuning->record};
  int64_t start = clock_now();
  tuner.deadline = start + (int64_t)(seconds * 1e9);
  tuner.trial_ns = (int64_t)(seconds * 1e9 / (SIDES * TUNING_MOST_CANDIDATES));
  tuner.setup.compile_later = false;
  tuning->present = begin(&tuner);
  if (tuning->present) search(&tuner);
  release(&tuner, &tuner.best);
  tuning->tiles = tuner.tiles;
  tuning->record.tuning_ns = clock_now() - start;
  snprintf(tuning->record.label, sizeof tuning->record.label, "flex %.40s, %" PRId64 " x %" PRId64,
           problem->mod ? problem->mod->name : "noop", problem->queries, problem->keys);
  clock_iso8601(tuning->record.created, sizeof tuning->record.created);
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
