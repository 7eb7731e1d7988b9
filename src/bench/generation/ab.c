// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/ab.h"
#include "base/clock.h"
#include "base/interrupt.h"
#include "base/random.h"
#include "bench/generation/answer.h"
#include "bench/generation/entry_statistics.h"
#include "bench/generation/runner.h"
#include "bench/generation/support.h"
#include <string.h>

const char *const ab_metric_tags[AB_METRICS] = {"inter_token_latency", "time_to_first_token",
                                                "throughput", "e2e_latency"};
static const char *const side_names[AB_SIDES] = {"A", "B"};

typedef struct {
  const AbOptions *options;
  AbOutcome *outcome;
  RunnerOptions runners[AB_SIDES];
  Stock *stocks[AB_SIDES]; // the same one where dtype and program are
  Random coin;
  int64_t start, longest; // of the rounds; of one of them
} Duel;

static Dtype dtype_of(const MatrixCell *cell) {
  Dtype dtype = DTYPE_BF16;
  return dtype_by_name(cell->effective.dtype, &dtype) ? dtype : DTYPE_BF16;
}

static bool share_stock(const AbOptions *options) {
  return dtype_of(&options->cells[AB_A]) == dtype_of(&options->cells[AB_B]) &&
         strcmp(options->commands[AB_A].program, options->commands[AB_B].program) == 0;
}

static void tell_stock(void *context, const char *what) {
  progress_draw(context, 0, "%s", what);
}

// The weights and the reference of one side, or of both.
static bool open_stock(Duel *duel, int side, bool shared, Error *error) {
  const AbOptions *options = duel->options;
  StockOptions stock = options->stock;
  StockFailure failure;
  bool wanted[AB_SIDES] = {shared || side == AB_A, shared || side == AB_B};
  stock.command = options->commands[side];
  stock.tell = tell_stock;
  stock.tell_context = options->progress;
  duel->stocks[side] = stock_open(&stock, dtype_of(&options->cells[side]), options->cells, wanted,
                                  AB_SIDES, &failure);
  if (duel->stocks[side]) return true;
  *error = failure.error;
  return shared ? false : error_within(error, side_names[side]);
}

static bool check_side(Duel *duel, int side, Error *error) {
  const Scenario *scenario = &duel->options->cells[side].effective;
  char missing[200];
  if (support_missing(scenario, missing, sizeof missing))
    return error_set(error, ERROR_UNSUPPORTED, side_names[side], "%s", missing);
  if (!duel->stocks[side]) return true;
  if (!feasibility_check(&duel->stocks[side]->feasibility, scenario, error))
    return error_within(error, side_names[side]);
  const StockCase *item = stock_case(duel->stocks[side], scenario);
  if (item->error.code == ERROR_NONE) return true;
  *error = item->error;
  return error_within(error, side_names[side]);
}

static bool open_duel(Duel *duel, Error *error) {
  const AbOptions *options = duel->options;
  bool shared = share_stock(options);
  for (int side = 0; side < AB_SIDES; side++)
    if (!check_side(duel, side, error)) return false;
  if (!open_stock(duel, AB_A, shared, error)) return false;
  if (shared) duel->stocks[AB_B] = duel->stocks[AB_A];
  if (!shared && !open_stock(duel, AB_B, false, error)) return false;
  for (int side = 0; side < AB_SIDES; side++) {
    duel->runners[side] = (RunnerOptions){.stock = options->stock, .brief = true};
    duel->runners[side].stock.command = options->commands[side];
    if (!check_side(duel, side, error)) return false;
  }
  return true;
}

static void close_duel(Duel *duel) {
  if (duel->stocks[AB_B] != duel->stocks[AB_A]) stock_close(duel->stocks[AB_B]);
  stock_close(duel->stocks[AB_A]);
}

// Keeps the worst account of a side.
static void keep_correctness(AbOutcome *outcome, int side, const json_t *result, bool valid) {
  json_t *found = json_object_get(result, "correctness"), *kept = outcome->correctness[side];
  const json_t *old = json_object_get(kept, "error"), *new = json_object_get(found, "error");
  bool worse = !json_is_number(new) || json_number_value(new) > json_number_value(old);
  if (!kept || (outcome->valid[side] && (!valid || worse))) {
    json_decref(kept);
    outcome->correctness[side] = json_deep_copy(found);
  }
  outcome->valid[side] = outcome->valid[side] && valid;
}

static bool take_answer(Duel *duel, int side, const json_t *result, Error *error) {
  Answer answer;
  AbOutcome *outcome = duel->outcome;
  if (!answer_read(result, &duel->options->cells[side].effective, 0, &answer, error)) return false;
  keep_correctness(outcome, side, result, answer.valid);
  for (int i = 0; i < AB_METRICS; i++)
    outcome->values[i][side][outcome->rounds] = entry_sample(&answer, ab_metric_tags[i]).med;
  answer_free(&answer);
  return true;
}

static bool run_side(Duel *duel, int side, Error *error) {
  WorkerOutcome outcome = runner_scenario(&duel->runners[side], duel->stocks[side],
                                          &duel->options->cells[side], NULL, NULL);
  *error = outcome.error;
  bool done = outcome.status == WORKER_DONE && take_answer(duel, side, outcome.result, error);
  json_decref(outcome.result);
  return done || error_within(error, side_names[side]);
}

static bool run_round(Duel *duel, Error *error) {
  AbOutcome *outcome = duel->outcome;
  bool b_first = random_next(&duel->coin) >> 63;
  int64_t start = clock_now();
  progress_draw(duel->options->progress,
                (double)outcome->rounds / (double)duel->options->rounds_most,
                "round %zu of at most %zu", outcome->rounds + 1, duel->options->rounds_most);
  outcome->b_first[outcome->rounds] = b_first;
  if (!run_side(duel, b_first ? AB_B : AB_A, error) ||
      !run_side(duel, b_first ? AB_A : AB_B, error))
    return false;
  outcome->rounds++;
  int64_t took = clock_now() - start;
  if (took > duel->longest) duel->longest = took;
  return true;
}

SequentialDesign ab_design(const AbOptions *options, size_t metric) {
  return (SequentialDesign){.alpha = options->alpha / AB_METRICS,
                            .least_effect = options->least_effect,
                            .most = options->rounds_most,
                            .looks = options->looks,
                            .less_is_better = token_metric(ab_metric_tags[metric])->less_is_better,
                            .seed = options->seed};
}

// Looks at every metric; whether all of them are decided.
static bool look(Duel *duel, bool last) {
  AbOutcome *outcome = duel->outcome;
  bool decided = true;
  for (size_t i = 0; i < AB_METRICS; i++) {
    SequentialDesign design = ab_design(duel->options, i);
    if (last || sequential_is_look(&design, outcome->rounds))
      sequential_look(&design, outcome->values[i][AB_A], outcome->values[i][AB_B], outcome->rounds,
                      last, &outcome->comparisons[i]);
    decided = decided && outcome->comparisons[i].decided;
  }
  return decided;
}

// Whether one more round would pass the budget.
static bool is_late(const Duel *duel) {
  double budget = duel->options->budget;
  return budget > 0.0 && clock_seconds(clock_now() - duel->start + duel->longest) > budget;
}

static bool is_invalid(const AbOutcome *outcome) {
  return !outcome->valid[AB_A] || !outcome->valid[AB_B];
}

static bool run_rounds(Duel *duel, Error *error) {
  const AbOptions *options = duel->options;
  AbOutcome *outcome = duel->outcome;
  int interrupt = options->stock.command.interrupt;
  for (;;) {
    if (interrupt >= 0 && interrupt_arrived(interrupt))
      return error_set(error, ERROR_INTERRUPTED, NULL, "interrupted");
    if (!run_round(duel, error)) return false;
    bool full = outcome->rounds == options->rounds_most, late = is_late(duel);
    if (is_invalid(outcome)) {
      outcome->end = AB_INVALID;
      return true;
    }
    bool decided = look(duel, full || late);
    outcome->end = decided ? AB_DECIDED : full ? AB_ROUNDS : AB_TIME;
    if (decided || full || late) return true;
  }
}

static void open_outcome(const AbOptions *options, AbOutcome *outcome) {
  *outcome = (AbOutcome){.b_first = memory_allocate(options->rounds_most * sizeof(bool)),
                         .valid = {true, true}};
  for (int i = 0; i < AB_METRICS; i++)
    for (int side = 0; side < AB_SIDES; side++)
      outcome->values[i][side] = memory_allocate(options->rounds_most * sizeof(double));
}

// Intervals that looks did without, for the report.
static void fill_intervals(const AbOptions *options, AbOutcome *outcome) {
  for (size_t i = 0; i < AB_METRICS && outcome->end != AB_INVALID; i++) {
    SequentialDesign design = ab_design(options, i);
    sequential_interval(&design, outcome->values[i][AB_A], outcome->values[i][AB_B],
                        &outcome->comparisons[i]);
  }
}

bool ab_run(const AbOptions *options, AbOutcome *outcome, Error *error) {
  Duel duel = {.options = options, .outcome = outcome, .coin = random_seeded(options->seed)};
  open_outcome(options, outcome);
  bool done = open_duel(&duel, error);
  duel.start = clock_now();
  done = done && run_rounds(&duel, error);
  outcome->seconds = clock_seconds(clock_now() - duel.start);
  close_duel(&duel);
  progress_close(options->progress);
  if (done) fill_intervals(options, outcome);
  return done;
}

void ab_free(AbOutcome *outcome) {
  for (int side = 0; side < AB_SIDES; side++) {
    for (int i = 0; i < AB_METRICS; i++) memory_free(outcome->values[i][side]);
    json_decref(outcome->correctness[side]);
  }
  memory_free(outcome->b_first);
  *outcome = (AbOutcome){0};
}

AbVerdict ab_verdict(const AbOutcome *outcome) {
  size_t better = 0, negligible = 0;
  if (is_invalid(outcome)) return AB_CANNOT_TELL;
  for (int i = 0; i < AB_METRICS; i++) {
    if (outcome->comparisons[i].verdict == VERDICT_WORSE) return AB_WORSE;
    better += outcome->comparisons[i].verdict == VERDICT_BETTER;
    negligible += outcome->comparisons[i].negligible;
  }
  if (better) return AB_BETTER;
  return negligible == AB_METRICS ? AB_SAME : AB_CANNOT_TELL;
}

const char *ab_end_name(AbEnd end) {
  static const char *const names[] = {"decided", "rounds", "time", "invalid"};
  return names[end];
}
