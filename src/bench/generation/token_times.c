// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/token_times.h"
#include "base/clock.h"
#include <inttypes.h>
#include <string.h>

static int64_t first(const TokenTimes *times, int64_t sequence) {
  return times->times[sequence * times->new_tokens];
}

static int64_t last(const TokenTimes *times, int64_t sequence) {
  return times->times[(sequence + 1) * times->new_tokens - 1];
}

static int64_t least_first(const TokenTimes *times) {
  int64_t least = first(times, 0);
  for (int64_t i = 1; i < times->batch; i++)
    if (first(times, i) < least) least = first(times, i);
  return least;
}

static int64_t latest_first(const TokenTimes *times) {
  int64_t latest = first(times, 0);
  for (int64_t i = 1; i < times->batch; i++)
    if (first(times, i) > latest) latest = first(times, i);
  return latest;
}

static int64_t latest_last(const TokenTimes *times) {
  int64_t latest = last(times, 0);
  for (int64_t i = 1; i < times->batch; i++)
    if (last(times, i) > latest) latest = last(times, i);
  return latest;
}

static double e2e_latency(const TokenTimes *times) {
  return clock_seconds(times->end);
}

static double time_to_first_token(const TokenTimes *times) {
  return clock_seconds(least_first(times));
}

static double inter_token_latency(const TokenTimes *times) {
  double sum = 0;
  for (int64_t i = 0; i < times->batch; i++)
    sum += clock_seconds(last(times, i) - first(times, i)) / (double)(times->new_tokens - 1);
  return sum / (double)times->batch;
}

static double throughput(const TokenTimes *times) {
  return (double)(times->batch * times->new_tokens) / e2e_latency(times);
}

static double prefill_throughput(const TokenTimes *times) {
  int64_t end = times->staggered ? latest_first(times) : least_first(times);
  return (double)(times->batch * times->prompt_length) / clock_seconds(end);
}

static int64_t tokens_after(const TokenTimes *times, int64_t time) {
  int64_t tokens = 0;
  for (int64_t i = 0; i < times->batch * times->new_tokens; i++) tokens += times->times[i] > time;
  return tokens;
}

static double decode_throughput(const TokenTimes *times) {
  int64_t begin = latest_first(times);
  if (times->staggered)
    return (double)tokens_after(times, begin) / clock_seconds(latest_last(times) - begin);
  return (double)(times->batch * (times->new_tokens - 1)) /
         clock_seconds(latest_last(times) - least_first(times));
}

const TokenMetric token_metrics[] = {
#define X(TAG, NAME, COLUMN, UNIT, LESS, VALUE) {TAG, NAME, COLUMN, UNIT, LESS, VALUE},
    TOKEN_METRICS(X)
#undef X
};
const size_t token_metric_count = COUNT_OF(token_metrics);

const TokenMetric *token_metric(const char *tag) {
  for (size_t i = 0; i < token_metric_count; i++)
    if (strcmp(token_metrics[i].tag, tag) == 0) return &token_metrics[i];
  return NULL;
}

static bool check_sequence(const TokenTimes *times, int64_t sequence, Error *error) {
  int64_t before = 1;
  for (int64_t i = 0; i < times->new_tokens; i++) {
    int64_t at = times->times[sequence * times->new_tokens + i];
    if (at < before || at > times->end)
      return error_set(error, ERROR_MISMATCH, "token times",
                       "sequence %" PRId64 ", token %" PRId64 " is at %" PRId64
                       " ns, expected %" PRId64 " to %" PRId64,
                       sequence, i, at, before, times->end);
    before = at;
  }
  return true;
}

bool token_times_check(const TokenTimes *times, Error *error) {
  if (times->batch < 1 || times->prompt_length < 1 || times->new_tokens < 2)
    return error_set(error, ERROR_MISMATCH, "token times",
                     "%" PRId64 " sequences of %" PRId64 " new tokens, expected 1 and 2 or more",
                     times->batch, times->new_tokens);
  for (int64_t i = 0; i < times->batch; i++)
    if (!check_sequence(times, i, error)) return false;
  return latest_last(times) > least_first(times) ||
         error_set(error, ERROR_MISMATCH, "token times", "first and last token at the same time");
}
