// SPDX-License-Identifier: Apache-2.0
// The only primary record of a generation: nanoseconds from the start of the call to each token of
// each sequence, and to the end of the call. The end is no token. Every latency metric is derived
// from it here, by the formula written beside its row.
#pragma once
#include "base/error.h"
#include <stdint.h>

typedef struct {
  int64_t batch, prompt_length, new_tokens;
  const int64_t *times; // [batch, new_tokens]
  int64_t end;
  bool staggered; // sequences are prefilled one after another, beside those that decode already
} TokenTimes;

// tag, name, column in tables ("" for none), unit hint, whether less is better, function. The
// first is the one that scenarios are ranked by. Adding a metric is adding a row.
//
//   e2e_latency          end
//   time_to_first_token  least first time of the sequences
//   inter_token_latency  mean over sequences of (last - first) / (count - 1)
//   throughput           batch x new_tokens / e2e_latency
//   prefill_throughput   batch x prompt_length / time_to_first_token
//   decode_throughput    batch x (new_tokens - 1) / (latest last - least first)
//
// Where they are staggered, prefill ends with the latest first time, and what is decoded is what
// comes after it.
#define TOKEN_METRICS(X)                                                                           \
  X("e2e_latency", "end to end", "e2e", "seconds", true, e2e_latency)                              \
  X("time_to_first_token", "time to first token", "TTFT", "seconds", true, time_to_first_token)    \
  X("inter_token_latency", "inter-token latency", "ITL", "seconds", true, inter_token_latency)     \
  X("prefill_throughput", "prefill", "prefill", "tok/s", false, prefill_throughput)                \
  X("decode_throughput", "decode", "decode", "tok/s", false, decode_throughput)                    \
  X("throughput", "total throughput", "", "tok/s", false, throughput)

typedef struct {
  const char *tag, *name, *column, *unit;
  bool less_is_better;
  double (*value)(const TokenTimes *times); // seconds or tokens per second
} TokenMetric;

extern const TokenMetric token_metrics[];
extern const size_t token_metric_count;

const TokenMetric *token_metric(const char *tag); // NULL: no such metric
// Whether the record can be true: at least 2 tokens, times positive, ascending within a sequence,
// and no later than the end.
CHECKED bool token_times_check(const TokenTimes *times, Error *error);
