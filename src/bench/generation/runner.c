// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/runner.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "bench/generation/announcement.h"
#include "bench/generation/backend_name.h"
#include "bench/generation/finished.h"
#include "bench/generation/support.h"
#include "bench/scenario_name.h"
#include "bench/trust.h"
#include <string.h>

typedef struct {
  const RunnerOptions *options;
  RunnerSummary *summary;
  Stock *stock;
  StockFailure failure; // of failed_dtype, so that it is not tried for each of its cells
  int failed_dtype;     // -1: none
  bool *wanted;         // [cells]: still to be run
  double *cost;         // [cells]: share of all the work, for the progress bar
  double done;          // share finished
  size_t cell;          // the one being run
  int64_t runs, so_far; // of that one
  Pacing pacing;
} Sweep;

static const MatrixCell *cell_at(const Sweep *sweep, size_t index) {
  return &sweep->options->matrix->cells.items[index];
}

static const CostEstimate *estimate_at(const Sweep *sweep, size_t index) {
  const SweepPlan *plan = sweep->options->plan;
  return plan ? &plan->items[index].estimate : NULL;
}

static size_t cell_count(const Sweep *sweep) {
  return sweep->options->matrix->cells.count;
}

// A rough measure of how long a cell takes next to the others.
static double cost_of(const Scenario *scenario) {
  double runs = (double)(1 + scenario->warmup_iterations + scenario->measurement_iterations);
  double context = 0.1 * (double)(scenario->batch_size * scenario->depth);
  double prefill = 0.1 * (double)(scenario->batch_size * scenario->sequence_length);
  return context + runs * (prefill + (double)scenario->num_tokens_to_generate);
}

static void draw(Sweep *sweep, const char *phase, double share) {
  char label[SCENARIO_NAME_SIZE];
  progress_draw(sweep->options->progress, sweep->done + share * sweep->cost[sweep->cell],
                "%zu of %zu, %s: %s", sweep->cell + 1, cell_count(sweep), phase,
                scenario_label(&cell_at(sweep, sweep->cell)->effective, label));
}

static void tell_stock(void *context, const char *what) {
  draw(context, what, 0);
}

static void follow(void *context, const char *phase, int64_t done, int64_t total) {
  (void)total;
  Sweep *sweep = context;
  bool run =
      strcmp(phase, "trial") == 0 || strcmp(phase, "warmup") == 0 || strcmp(phase, "measure") == 0;
  if (run && done > 0) sweep->so_far++;
  draw(sweep, phase, (double)sweep->so_far / (double)(sweep->runs + 1));
}

static bool record(Sweep *sweep, const MatrixCell *cell, json_t *entry, Error *error) {
  return results_put(sweep->options->results, cell->hash, entry, error);
}

// A scenario's place among all, its label, and what is said of it.
#define PLACE_AND_LABEL "[%zu/%zu] %s: %s"

static void announce(Sweep *sweep, const MatrixCell *cell, const char *text) {
  char label[SCENARIO_NAME_SIZE];
  progress_line(sweep->options->progress, PLACE_AND_LABEL, sweep->cell + 1, cell_count(sweep),
                scenario_label(&cell->effective, label), text);
}

static bool record_absence(Sweep *sweep, const MatrixCell *cell, const char *status,
                           const char *reason, Error *error) {
  char line[900];
  snprintf(line, sizeof line, "%s, %s", status, reason);
  announce(sweep, cell, line);
  return record(sweep, cell, entry_absent(&sweep->options->facts, cell, status, reason), error);
}

static bool record_failure(Sweep *sweep, const MatrixCell *cell, const Error *cause, Error *error) {
  char reason[800];
  sweep->summary->failed++;
  error_text(cause, reason, sizeof reason);
  return record_absence(sweep, cell, "failed", reason, error);
}

static void announce_measured(Sweep *sweep, const MatrixCell *cell, const json_t *ours) {
  char line[ANNOUNCEMENT_SIZE], label[SCENARIO_NAME_SIZE];
  int used = snprintf(NULL, 0, PLACE_AND_LABEL, sweep->cell + 1, cell_count(sweep),
                      scenario_label(&cell->effective, label), "");
  announcement_measured(ours, progress_width(sweep->options->progress) - used, line);
  announce(sweep, cell, line);
}

static bool record_measured(Sweep *sweep, const MatrixCell *cell, const EntryParts *parts,
                            Error *error) {
  Error cause;
  json_t *entry = entry_measured(&sweep->options->facts, cell, parts, &cause);
  if (!entry) return record_failure(sweep, cell, &cause, error);
  const json_t *success = json_object_get(json_object_get(entry, "metadata"), "success");
  sweep->summary->measured++;
  sweep->summary->invalid += !json_is_true(success);
  announce_measured(sweep, cell, json_object_get(entry, "attometer"));
  return record(sweep, cell, entry, error);
}

WorkerOutcome runner_scenario(const RunnerOptions *options, const Stock *made,
                              const MatrixCell *cell, WorkerListener *listener, void *context) {
  const StockOptions *stock = &options->stock;
  const Scenario *scenario = &cell->effective;
  const StockCase *item = stock_case(made, scenario);
  char name[SCENARIO_NAME_SIZE];
  char *graphs =
      options->dump_graph ? path_join(options->dump_folder, scenario_name(scenario, name)) : NULL;
  LoadPlan standard = load_plan_standard();
  const LoadPlan *load = options->load ? options->load : &standard;
  RequestCase request_case = {
      .context = item->prompt.items,
      .depth = item->depth,
      .prompt = item->prompt.items + item->depth,
      .prompt_length = item->length,
      .new_tokens = scenario->num_tokens_to_generate,
      .steps = item->steps,
      .offset = item->offset,
      .expected = item->expected.items,
      .expected_count = (int64_t)item->expected.count,
  };
  WorkerRequest request = {
      .task = TASK_SCENARIO,
      .model = stock->model,
      .dtype = made->dtype,
      .rounding = made->dtype,
      .threads = scenario->threads,
      .pin = stock->pin,
      .tier = scenario_tier(scenario),
      .attention = scenario->attn_implementation,
      .sdpa_backend = backend_name(scenario->sdpa_backend),
      .kernelize = scenario->kernelize,
      .compile_mode = scenario->compile.compiled ? scenario->compile.mode : NULL,
      .dynamic = scenario->compile.dynamic == TRISTATE_TRUE,
      .dump_graph = options->dump_graph,
      .dump_folder = graphs,
      .load = scenario->continuous_batching ? load : NULL,
      .batch = scenario->batch_size,
      .warmup = scenario->warmup_iterations,
      .iterations = scenario->measurement_iterations,
      .goal = options->facts.goal,
      .brief = options->brief,
      .cases = &request_case,
      .case_count = 1,
  };
  int descriptors[] = {made->weights, made->reference};
  WorkerOutcome outcome = worker_process_run(&stock->command, request_json(&request), descriptors,
                                             2, listener, context);
  memory_free(graphs);
  return outcome;
}

static bool measure(Sweep *sweep, const MatrixCell *cell, Error *error) {
  json_t *before = trust_of_moment("");
  const CostEstimate *estimate = estimate_at(sweep, sweep->cell);
  int64_t start = clock_now();
  WorkerOutcome outcome = runner_scenario(sweep->options, sweep->stock, cell, follow, sweep);
  double seconds = clock_seconds(clock_now() - start);
  json_t *after = trust_of_moment("");
  EntryParts parts = {outcome.result, sweep->stock->make, before, after, estimate, seconds};
  pacing_took(&sweep->pacing, outcome.status == WORKER_DONE ? estimate : NULL, seconds);
  bool done;
  if (outcome.status == WORKER_DONE) {
    done = record_measured(sweep, cell, &parts, error);
  } else if (outcome.status == WORKER_INTERRUPTED) {
    *error = outcome.error;
    done = false;
  } else {
    done = record_failure(sweep, cell, &outcome.error, error);
  }
  json_decref(outcome.result);
  json_decref(before);
  json_decref(after);
  return done;
}

static Dtype dtype_of(const MatrixCell *cell) {
  Dtype dtype = DTYPE_BF16;
  return dtype_by_name(cell->effective.dtype, &dtype) ? dtype : DTYPE_BF16;
}

// Makes what this cell's dtype needs, unless it is there. What another dtype needed is given back:
// dtypes are the outermost loop of the matrix, so it is not needed again soon.
static bool stock_up(Sweep *sweep, const MatrixCell *cell) {
  if (sweep->stock && sweep->stock->dtype == dtype_of(cell)) return true;
  if (sweep->failed_dtype == (int)dtype_of(cell)) return false;
  stock_close(sweep->stock);
  StockOptions options = sweep->options->stock;
  options.tell = tell_stock;
  options.tell_context = sweep;
  sweep->stock = stock_open(&options, dtype_of(cell), sweep->options->matrix->cells.items,
                            sweep->wanted, cell_count(sweep), &sweep->failure);
  sweep->failed_dtype = sweep->stock ? -1 : (int)dtype_of(cell);
  return sweep->stock != NULL;
}

static bool run_cell(Sweep *sweep, const MatrixCell *cell, Error *error) {
  char missing[160];
  if (!sweep->wanted[sweep->cell]) {
    const char *reason = support_missing(&cell->effective, missing, sizeof missing);
    if (reason) {
      sweep->summary->skipped++;
      return record_absence(sweep, cell, "skipped", reason, error);
    }
    sweep->summary->kept++;
    announce(sweep, cell, "kept from the resumed file");
    return true;
  }
  sweep->so_far = 0;
  sweep->runs = 1 + cell->effective.warmup_iterations + cell->effective.measurement_iterations;
  if (!stock_up(sweep, cell)) {
    if (!sweep->failure.fatal) return record_failure(sweep, cell, &sweep->failure.error, error);
    *error = sweep->failure.error;
    return false;
  }
  Error cause;
  if (!feasibility_check(&sweep->stock->feasibility, &cell->effective, &cause))
    return record_failure(sweep, cell, &cause, error);
  const StockCase *item = stock_case(sweep->stock, &cell->effective);
  if (item->error.code == ERROR_NONE) return measure(sweep, cell, error);
  cause = item->error;
  error_within(&cause, "no reference to check against");
  return record_failure(sweep, cell, &cause, error);
}

static void plan(Sweep *sweep) {
  double total = 0;
  char missing[160];
  for (size_t i = 0; i < cell_count(sweep); i++) {
    const MatrixCell *cell = cell_at(sweep, i);
    sweep->wanted[i] = !support_missing(&cell->effective, missing, sizeof missing) &&
                       !finished_in(sweep->options->results, &sweep->options->facts, cell);
    sweep->cost[i] = sweep->wanted[i] ? cost_of(&cell->effective) : 0;
    total += sweep->cost[i];
  }
  for (size_t i = 0; total > 0 && i < cell_count(sweep); i++) sweep->cost[i] /= total;
}

// Whether a scenario that is to be run is left for another time.
static bool is_left(Sweep *sweep, size_t index) {
  char reason[120];
  if (!sweep->wanted[index] ||
      pacing_fits(&sweep->pacing, estimate_at(sweep, index), clock_now(), reason, sizeof reason))
    return false;
  sweep->summary->left++;
  announce(sweep, cell_at(sweep, index), reason);
  return true;
}

static bool run_next(Sweep *sweep, Error *error) {
  int interrupt = sweep->options->stock.command.interrupt;
  if (is_left(sweep, sweep->cell)) return true;
  if (sweep->wanted[sweep->cell] && !pacing_wait(&sweep->pacing, interrupt, error)) return false;
  return run_cell(sweep, cell_at(sweep, sweep->cell), error);
}

static bool run_cells(Sweep *sweep, Error *error) {
  int interrupt = sweep->options->stock.command.interrupt;
  for (size_t i = 0; i < cell_count(sweep); i++) {
    sweep->cell = i;
    if (interrupt >= 0 && interrupt_arrived(interrupt))
      return error_set(error, ERROR_INTERRUPTED, NULL, "interrupted");
    if (!run_next(sweep, error)) return false;
    sweep->done += sweep->cost[i];
  }
  return true;
}

bool runner_run(const RunnerOptions *options, RunnerSummary *summary, Error *error) {
  size_t count = options->matrix->cells.count;
  *summary = (RunnerSummary){0};
  Sweep sweep = {
      .options = options,
      .summary = summary,
      .failed_dtype = -1,
      .pacing = pacing_begin(&options->pacing),
      .wanted = memory_allocate(count * sizeof *sweep.wanted),
      .cost = memory_allocate(count * sizeof *sweep.cost),
  };
  plan(&sweep);
  bool done = run_cells(&sweep, error);
  stock_close(sweep.stock);
  memory_free(sweep.wanted);
  memory_free(sweep.cost);
  progress_close(options->progress);
  return done;
}
