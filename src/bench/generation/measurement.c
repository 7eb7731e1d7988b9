// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/measurement.h"
#include "base/memory.h"
#include <inttypes.h>
#include <string.h>

// Where one run's results go.
typedef struct {
  int32_t *ids;
  int64_t *times, *counts, *end;
} RunStorage;

const char *measurement_phase_name(MeasurementPhase phase) {
  static const char *const names[] = {"trial", "warmup", "measure"};
  return names[phase];
}

TokenTimes measurement_times(const Measurement *measurement, int64_t iteration) {
  return (TokenTimes){
      .batch = measurement->batch,
      .prompt_length = measurement->prompt_length,
      .new_tokens = measurement->new_tokens,
      .times = measurement->times + iteration * measurement->batch * measurement->new_tokens,
      .end = measurement->ends[iteration],
  };
}

void measurement_free(Measurement *measurement) {
  memory_free(measurement->times);
  memory_free(measurement->ends);
  memory_free(measurement->ids);
  *measurement = (Measurement){0};
}

static bool check_run(const MeasurementPlan *plan, const RunStorage *storage, Error *error) {
  for (int64_t i = 0; i < plan->batch; i++)
    if (storage->counts[i] != plan->new_tokens)
      return error_set(error, ERROR_MISMATCH, "generation",
                       "sequence %" PRId64 " has %" PRId64 " new tokens, expected %" PRId64, i,
                       storage->counts[i], plan->new_tokens);
  TokenTimes times = {.batch = plan->batch,
                      .prompt_length = plan->prompt_length,
                      .new_tokens = plan->new_tokens,
                      .times = storage->times,
                      .end = *storage->end};
  return token_times_check(&times, error);
}

// One run, checked; allocations are counted around the run alone.
static bool run_once(const MeasurementPlan *plan, const Executor *executor,
                     const RunStorage *storage, uint64_t *allocations, Error *error) {
  uint64_t before = memory_allocation_count();
  if (!executor->run(executor->context, storage->ids, storage->times, storage->counts, storage->end,
                     error))
    return false;
  *allocations += memory_allocation_count() - before;
  return check_run(plan, storage, error);
}

static bool tell(const MeasurementPlan *plan, MeasurementPhase phase, int64_t done, int64_t total,
                 Error *error) {
  if (!plan->listener || plan->listener(plan->listener_context, phase, done, total)) return true;
  return error_set(error, ERROR_INTERRUPTED, NULL, "stopped during %s",
                   measurement_phase_name(phase));
}

// Runs number `begin` to `total`. Measured runs are kept one behind the other; the others overwrite
// the first.
static bool run_phase(const MeasurementPlan *plan, const Executor *executor, MeasurementPhase phase,
                      int64_t begin, int64_t total, int64_t *counts, Measurement *measurement,
                      Error *error) {
  int64_t stride = plan->batch * plan->new_tokens;
  uint64_t allocations = 0;
  for (int64_t i = begin; i < total; i++) {
    int64_t slot = phase == PHASE_MEASURE ? i : 0;
    RunStorage storage = {measurement->ids + slot * stride, measurement->times + slot * stride,
                          counts, measurement->ends + slot};
    if (!run_once(plan, executor, &storage, &allocations, error) ||
        !tell(plan, phase, i + 1, total, error))
      return false;
  }
  if (phase == PHASE_MEASURE) measurement->allocations += allocations;
  return true;
}

static int64_t most_iterations(const MeasurementPlan *plan) {
  bool open = plan->goal.until > 0 && plan->goal.most > plan->iterations;
  return open ? plan->goal.most : plan->iterations;
}

// The measured runs, and more of them while they are not precise enough.
static bool run_measured(const MeasurementPlan *plan, const Executor *executor, int64_t *counts,
                         Measurement *measurement, Error *error) {
  int64_t most = most_iterations(plan), done = 0, next = plan->iterations;
  for (;;) {
    if (!run_phase(plan, executor, PHASE_MEASURE, done, next, counts, measurement, error))
      return false;
    done = next;
    measurement->iterations = done;
    if (!(plan->goal.until > 0)) return true;
    TokenTimes first = measurement_times(measurement, 0);
    measurement->precision = precision_reached(&first, done);
    if (measurement->precision <= plan->goal.until || done == most) return true;
    next = precision_next_look(done, most);
  }
}

static bool run_all(const MeasurementPlan *plan, const Executor *executor, int64_t *counts,
                    Measurement *measurement, Error *error) {
  if (!run_phase(plan, executor, PHASE_TRIAL, 0, 1, counts, measurement, error)) return false;
  measurement->trial_end = measurement->ends[0];
  measurement->trial_first = measurement->times[0];
  if (!run_phase(plan, executor, PHASE_WARMUP, 0, plan->warmup, counts, measurement, error))
    return false;
  ProcessUsage before = process_usage_now("");
  if (!run_measured(plan, executor, counts, measurement, error)) return false;
  ProcessUsage after = process_usage_now("");
  measurement->usage = process_usage_between(&before, &after);
  return true;
}

static bool count_tokens(const MeasurementPlan *plan, size_t *tokens, Error *error) {
  size_t limit = SIZE_MAX / (4 * sizeof(int64_t));
  if (__builtin_mul_overflow((size_t)most_iterations(plan), (size_t)plan->batch, tokens) ||
      __builtin_mul_overflow(*tokens, (size_t)plan->new_tokens, tokens) || *tokens > limit)
    return error_set(error, ERROR_ARGUMENT, NULL, "iterations x batch x tokens is too large");
  return true;
}

bool measurement_run(const MeasurementPlan *plan, const Executor *executor,
                     Measurement *measurement, Error *error) {
  size_t tokens;
  *measurement = (Measurement){0};
  if (!count_tokens(plan, &tokens, error)) return false;
  *measurement = (Measurement){
      .iterations = plan->iterations,
      .batch = plan->batch,
      .prompt_length = plan->prompt_length,
      .new_tokens = plan->new_tokens,
      .times = memory_allocate(tokens * sizeof(int64_t)),
      .ends = memory_allocate((size_t)most_iterations(plan) * sizeof(int64_t)),
      .ids = memory_allocate(tokens * sizeof(int32_t)),
  };
  int64_t *counts = memory_allocate((size_t)plan->batch * sizeof *counts);
  // Pages of the storage are touched now, not in a measured run.
  memset(measurement->times, 0xFF, tokens * sizeof(int64_t));
  memset(measurement->ids, 0xFF, tokens * sizeof(int32_t));
  bool done = run_all(plan, executor, counts, measurement, error);
  memory_free(counts);
  if (!done) measurement_free(measurement);
  return done;
}
