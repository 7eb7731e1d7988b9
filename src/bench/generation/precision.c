// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/precision.h"
#include "base/memory.h"
#include "bench/generation/entry_statistics.h"
#include <math.h>

static const char metric_tag[] = "inter_token_latency";

enum { GROWTH = 4 }; // a quarter more runs from one look to the next

double precision_reached(const TokenTimes *first, int64_t count) {
  const TokenMetric *metric = token_metric(metric_tag);
  double *values = memory_allocate((size_t)count * sizeof *values);
  for (int64_t i = 0; i < count; i++) {
    TokenTimes times = *first;
    times.times += i * first->batch * first->new_tokens;
    values[i] = metric->value(&times);
  }
  Sample sample = sample_describe(values, (size_t)count, STATISTICS_SEED);
  memory_free(values);
  return sample_noise(&sample);
}

int64_t precision_next_look(int64_t count, int64_t most) {
  int64_t next = count + (count + GROWTH - 1) / GROWTH;
  return next < most ? next : most;
}

json_t *precision_json(const PrecisionGoal *goal, double reached, int64_t least, int64_t count) {
  if (!(goal->until > 0)) return json_null();
  return json_pack("{s:s, s:f, s:o, s:b, s:I, s:I, s:I}", "metric", metric_tag, "until",
                   goal->until, "reached", isfinite(reached) ? json_real(reached) : json_null(),
                   "within", reached <= goal->until, "iterations", (json_int_t)count, "least",
                   (json_int_t)least, "most", (json_int_t)goal->most);
}
