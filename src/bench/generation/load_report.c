// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/load_report.h"
#include "base/clock.h"
#include "base/memory.h"
#include "bench/generation/request.h"
#include "statistics/sample.h"
#include <string.h>

static double ttft(const LoadResult *result) {
  return clock_seconds(result->times[0] - result->arrival);
}

static double queue(const LoadResult *result) {
  return clock_seconds(result->started - result->arrival);
}

static double e2e(const LoadResult *result) {
  return clock_seconds(result->times[result->made - 1] - result->arrival);
}

// The mean; of a single token: 0, which no bound excludes.
static double itl(const LoadResult *result) {
  if (result->made < 2) return 0;
  return clock_seconds(result->times[result->made - 1] - result->times[0]) /
         (double)(result->made - 1);
}

static bool served(const LoadResult *result) {
  return !result->refused && result->made > 0;
}

static json_t *request_json_of(const LoadResult *result) {
  char reason[sizeof(Error)];
  if (result->refused)
    return json_pack("{s:s}", "refused", error_text(&result->refusal, reason, sizeof reason));
  json_t *gaps = json_array();
  for (int64_t i = 1; i < result->made; i++)
    json_array_append_new(gaps, json_real(clock_seconds(result->times[i] - result->times[i - 1])));
  return json_pack("{s:o, s:f, s:f, s:o, s:f, s:f, s:I}", "ids",
                   ids_json(result->ids, result->made), "queue_s", queue(result), "ttft_s",
                   ttft(result), "itl_s", gaps, "e2e_s", e2e(result), "arrival_s",
                   clock_seconds(result->arrival), "preemptions", (json_int_t)result->preemptions);
}

json_t *load_requests_json(const LoadResult *results, int64_t count) {
  json_t *array = json_array();
  for (int64_t i = 0; i < count; i++) json_array_append_new(array, request_json_of(&results[i]));
  return array;
}

static json_t *spread(double *values, size_t count) {
  if (count == 0) return json_null();
  sample_sort(values, count);
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += values[i];
  return json_pack("{s:I, s:f, s:f, s:f, s:f, s:f, s:f}", "count", (json_int_t)count, "avg",
                   sum / (double)count, "min", values[0], "p50",
                   sample_quantile(values, count, 0.5), "p95", sample_quantile(values, count, 0.95),
                   "p99", sample_quantile(values, count, 0.99), "max", values[count - 1]);
}

static json_t *spread_of(const LoadResult *results, int64_t count,
                         double (*value)(const LoadResult *result)) {
  double *values = memory_allocate((size_t)count * sizeof *values);
  size_t used = 0;
  for (int64_t i = 0; i < count; i++)
    if (served(&results[i])) values[used++] = value(&results[i]);
  json_t *object = spread(values, used);
  memory_free(values);
  return object;
}

// All tokens' times, ascending.
static double *token_times(const LoadResult *results, int64_t count, size_t *total) {
  *total = 0;
  for (int64_t i = 0; i < count; i++) *total += results[i].refused ? 0 : (size_t)results[i].made;
  double *times = memory_allocate(*total * sizeof *times);
  size_t used = 0;
  for (int64_t i = 0; i < count; i++)
    for (int64_t k = 0; !results[i].refused && k < results[i].made; k++)
      times[used++] = clock_seconds(results[i].times[k]);
  sample_sort(times, used);
  return times;
}

static json_t *steady_json(const double *times, size_t total) {
  size_t from = total / 10, to = total - total / 10;
  if (total < 20 || !(times[to - 1] > times[from])) return json_null();
  double seconds = times[to - 1] - times[from];
  return json_pack("{s:f, s:f, s:f}", "from_s", times[from], "to_s", times[to - 1], "throughput",
                   (double)(to - 1 - from) / seconds);
}

static json_t *goodput_json(const LoadPlan *plan, const LoadResult *results, int64_t count,
                            double seconds) {
  if (plan->ttft_bound <= 0 && plan->itl_bound <= 0) return json_null();
  int64_t good = 0;
  for (int64_t i = 0; i < count; i++) {
    const LoadResult *result = &results[i];
    good += served(result) && (plan->ttft_bound <= 0 || ttft(result) <= plan->ttft_bound) &&
            (plan->itl_bound <= 0 || itl(result) <= plan->itl_bound);
  }
  return json_pack("{s:I, s:f, s:f}", "requests", (json_int_t)good, "share",
                   (double)good / (double)count, "requests_per_s", (double)good / seconds);
}

static json_t *engine_json(const LoadPlan *plan, const LoadFacts *facts) {
  const BatchFacts *batch = &facts->batch;
  double busy = (double)facts->busy_ns, steps = (double)batch->steps;
  if (batch->steps == 0) return json_null();
  return json_pack(
      "{s:I, s:f, s:f, s:f, s:I, s:I, s:I, s:I, s:I, s:f}", "steps", (json_int_t)batch->steps,
      "batch_occupancy", facts->running_ns / busy / (double)plan->max_sequences, "running_avg",
      facts->running_ns / busy, "cache_occupancy", facts->blocks_ns / busy / (double)plan->blocks,
      "most_running", (json_int_t)batch->most_running, "most_blocks",
      (json_int_t)batch->most_blocks, "preemptions", (json_int_t)batch->preemptions,
      "computed_tokens", (json_int_t)batch->rows, "shared_tokens", (json_int_t)batch->shared,
      "schedule_us_per_step", (double)batch->plan_ns / 1e3 / steps);
}

static int64_t refused_of(const LoadResult *results, int64_t count) {
  int64_t refused = 0;
  for (int64_t i = 0; i < count; i++) refused += results[i].refused;
  return refused;
}

json_t *load_report_json(const LoadPlan *plan, const LoadResult *results, int64_t count,
                         const LoadFacts *facts) {
  size_t total;
  double *times = token_times(results, count, &total), seconds = clock_seconds(facts->end);
  json_t *object = json_pack(
      "{s:o, s:I, s:I, s:f, s:f, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "settings",
      load_plan_settings(plan), "requests", (json_int_t)count, "refused",
      (json_int_t)refused_of(results, count), "duration_s", seconds, "throughput",
      (double)total / seconds, "steady", steady_json(times, total), "goodput",
      goodput_json(plan, results, count, seconds), "queue_s", spread_of(results, count, queue),
      "ttft_s", spread_of(results, count, ttft), "itl_s", spread_of(results, count, itl), "e2e_s",
      spread_of(results, count, e2e), "engine", engine_json(plan, facts));
  memory_free(times);
  return object;
}
