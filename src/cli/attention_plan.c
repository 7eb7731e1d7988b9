// SPDX-License-Identifier: Apache-2.0
#include "cli/attention_plan.h"
#include "bench/attention/prediction.h"
#include "cli/engine_options.h"
#include "device/ceiling.h"
#include <string.h>

enum { LEAST_CALLS = 3, PEAK_ROUNDS = 2 };
// Shares of the multiply-add peak that back ends reach, roughly.
static const double tiled_share = 0.5, materialized_share = 0.12;
static const double backward_work = 2.5, read_gb_per_s = 15;
static const double tuning_share = 5; // times as long as measuring

// GFLOP/s of this machine now; 0: not known.
static double peak_of(const AttentionSweep *sweep) {
  Error ignored;
  CpuTier tier;
  if (!engine_options_cap(sweep->cpu_mask, &tier, &ignored)) return 0;
  Team *team = team_open((int)sweep->threads, sweep->pin, &ignored);
  if (!team) return 0;
  double peak = ceiling_fma(team, tier, PEAK_ROUNDS);
  team_close(team);
  return peak;
}

static bool is_absent(const char *name) {
  Error ignored;
  return attention_backend_find(name, &ignored) == NULL;
}

static double share_of(const char *backend) {
  bool materialized = strcmp(backend, "math") == 0 || strcmp(backend, "og-eager") == 0;
  return materialized ? materialized_share : tiled_share;
}

// Warmup, warm and cold calls of one pass, each call taking so long.
static double pass_seconds(const AttentionSweep *sweep, double call) {
  double timed =
      call * LEAST_CALLS > sweep->measure_time ? call * LEAST_CALLS : sweep->measure_time;
  double warmup = call * (double)sweep->warmup;
  if (warmup > sweep->measure_time)
    warmup = call > sweep->measure_time ? call : sweep->measure_time;
  return warmup + timed * (sweep->cold ? 2 : 1);
}

static double backend_seconds(const AttentionSweep *sweep, const SweepCell *cell,
                              const char *backend, double peak) {
  const ModShape *shape = &cell->shape;
  double pairs =
      (double)shape->batch * (double)shape->heads * (double)shape->queries * (double)shape->keys;
  double bytes = 2.0 * (double)shape->batch * (double)shape->kv_heads * (double)shape->keys *
                 (double)shape->head_dim * (double)dtype_facts(sweep->dtype)->block_bytes;
  double call = bytes / (read_gb_per_s * 1e9) +
                pairs * (4.0 * (double)shape->head_dim + 2) / (peak * 1e9 * share_of(backend));
  double seconds = pass_seconds(sweep, call);
  return sweep->calculate_bwd ? seconds + pass_seconds(sweep, call * backward_work) : seconds;
}

static double all_seconds(const AttentionSweep *sweep, const SweepCells *cells, double peak) {
  double seconds = 0;
  for (size_t i = 0; i < cells->cells.count; i++) {
    const SweepCell *cell = &cells->cells.items[i];
    for (size_t j = 0; j < sweep->backend.count; j++)
      if (!is_absent(sweep->backend.items[j]))
        seconds += backend_seconds(sweep, cell, sweep->backend.items[j], peak);
    double flex = backend_seconds(sweep, cell, "flex", peak);
    seconds += sweep->max_autotune ? flex + tuning_share * sweep->measure_time : flex;
  }
  return sweep->time_budget && seconds > sweep->time_budget ? sweep->time_budget : seconds;
}

static void largest_cell(const AttentionSweep *sweep, const SweepCells *cells, Prediction *most) {
  int threads = sweep->threads ? (int)sweep->threads : (int)engine_options_cores();
  int64_t available = prediction_available(sweep);
  *most = (Prediction){.available = available};
  for (size_t i = 0; i < cells->cells.count; i++) {
    Prediction prediction = {0};
    Error ignored; // a cell too large is left out with its figure when its turn comes
    bool fits = prediction_make(sweep, &cells->cells.items[i], NULL, available, threads,
                                &prediction, &ignored);
    if (fits && prediction.bytes > most->bytes) *most = prediction;
  }
}

void attention_plan_tell(const AttentionSweep *sweep, const SweepCells *cells, Progress *progress) {
  char duration[32];
  Prediction most;
  double peak = peak_of(sweep);
  largest_cell(sweep, cells, &most);
  for (size_t i = 0; i < cells->notes.count; i++)
    progress_line(progress, "%s", cells->notes.items[i]);
  progress_duration(peak > 0 ? all_seconds(sweep, cells, peak) : 0, duration, sizeof duration);
  progress_line(progress,
                "%zu cell%s, %zu back end%s and flex: about %s; the largest needs %.2g of %.3g GiB",
                cells->cells.count, cells->cells.count == 1 ? "" : "s", sweep->backend.count,
                sweep->backend.count == 1 ? "" : "s", duration, (double)most.bytes / 0x1p30,
                (double)most.available / 0x1p30);
}
