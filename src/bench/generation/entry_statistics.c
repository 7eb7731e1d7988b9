// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/entry_statistics.h"
#include "base/memory.h"
#include <math.h>

static double *values_of(const Answer *answer, const TokenMetric *metric) {
  double *values = memory_allocate((size_t)answer->iterations * sizeof *values);
  for (int64_t i = 0; i < answer->iterations; i++) {
    TokenTimes times = answer_times(answer, i);
    values[i] = metric->value(&times);
  }
  return values;
}

static json_t *number(double value) {
  return isfinite(value) ? json_real(value) : json_null();
}

static json_t *numbers_json(const double *values, int64_t count) {
  json_t *array = json_array();
  for (int64_t i = 0; i < count; i++) json_array_append_new(array, number(values[i]));
  return array;
}

json_t *entry_values(const Answer *answer, const char *tag) {
  double *values = values_of(answer, token_metric(tag));
  json_t *array = numbers_json(values, answer->iterations);
  memory_free(values);
  return array;
}

Sample entry_sample(const Answer *answer, const char *tag) {
  double *values = values_of(answer, token_metric(tag));
  Sample sample = sample_describe(values, (size_t)answer->iterations, STATISTICS_SEED);
  memory_free(values);
  return sample;
}

double entry_least(const Answer *answer, const char *tag) {
  return entry_sample(answer, tag).min;
}

double entry_most(const Answer *answer, const char *tag) {
  return entry_sample(answer, tag).max;
}

static json_t *interval_json(Interval interval) {
  return json_pack("[o, o]", number(interval.low), number(interval.high));
}

static json_t *metric_json(const Answer *answer, const TokenMetric *metric) {
  double *values = values_of(answer, metric);
  Sample sample = sample_describe(values, (size_t)answer->iterations, STATISTICS_SEED);
  json_t *object = json_pack(
      "{s:s, s:s, s:s, s:b, s:b, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
      "name", metric->name, "column", metric->column, "unit", metric->unit, "less_is_better",
      metric->less_is_better, "primary", metric == token_metrics, "count", (json_int_t)sample.count,
      "avg", number(sample.avg), "std", number(sample.std), "min", number(sample.min), "med",
      number(sample.med), "max", number(sample.max), "p50", number(sample.p50), "p90",
      number(sample.p90), "p95", number(sample.p95), "p99", number(sample.p99), "med_ci95",
      interval_json(sample.med_ci95), "avg_ci95", interval_json(sample.avg_ci95), "values",
      numbers_json(values, answer->iterations));
  memory_free(values);
  return object;
}

json_t *entry_statistics(const Answer *answer) {
  json_t *object = json_object();
  for (size_t i = 0; i < token_metric_count; i++)
    json_object_set_new(object, token_metrics[i].tag, metric_json(answer, &token_metrics[i]));
  return object;
}

// Which numbers become summaries: part, key there, tag, name, column, unit, factor.
static const struct {
  enum { ROOFLINE, LOAD, MEMORY } part;
  const char *key, *tag, *name, *column, *unit;
  double factor;
} rows[] = {
    {ROOFLINE, "decode_share", "decode_share", "decode, share of read bandwidth", "of read",
     "share", 1},
    {ROOFLINE, "prefill_share", "prefill_share", "prefill, share of the products' peak", "of peak",
     "share", 1},
    // no share of a ceiling: other products may pass it
    {ROOFLINE, "prefill_share_fma", "prefill_share_fma", "prefill, times FMA peak", "", "times", 1},
    {ROOFLINE, "decode_share_executed", "decode_share_executed",
     "decode, share of read bandwidth, bytes really read", "", "share", 1},
    {ROOFLINE, "prefill_share_executed", "prefill_share_executed",
     "prefill, share of the products' peak, FLOPs really done", "", "share", 1},
    {ROOFLINE, "read_gb_per_s", "read_bandwidth", "read bandwidth measured", "", "bytes/s", 1e9},
    {ROOFLINE, "fma_gflop_per_s", "fma_peak", "FMA peak measured", "", "flop/s", 1e9},
    {ROOFLINE, "dot_gflop_per_s", "dot_peak", "bfloat16 dot peak measured", "", "flop/s", 1e9},
    {LOAD, "make_ns", "make_time", "making the weights, once", "", "seconds", 1e-9},
    {LOAD, "map_ns", "map_time", "mapping the weights", "", "seconds", 1e-9},
    {LOAD, "first_run_ns", "first_run", "first run", "", "seconds", 1e-9},
    {LOAD, "weight_bytes", "weight_bytes", "weights in memory", "", "bytes", 1},
    {MEMORY, "peak_rss_bytes", "peak_memory", "peak memory", "memory", "bytes", 1},
    {MEMORY, "paper_bytes", "paper_memory", "memory computed on paper", "", "bytes", 1},
};

json_t *entry_summaries(const json_t *roofline, const json_t *load, const json_t *memory) {
  const json_t *parts[] = {roofline, load, memory};
  json_t *summaries = json_array();
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    const json_t *value = json_object_get(parts[rows[i].part], rows[i].key);
    if (!json_is_number(value)) continue;
    json_array_append_new(summaries,
                          json_pack("{s:s, s:s, s:s, s:s, s:o}", "tag", rows[i].tag, "name",
                                    rows[i].name, "column", rows[i].column, "unit", rows[i].unit,
                                    "value", number(json_number_value(value) * rows[i].factor)));
  }
  return summaries;
}
