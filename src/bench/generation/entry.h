// SPDX-License-Identifier: Apache-2.0
// One scenario's entry in the results: the peer's metadata, measurements and config, key for key,
// and everything of ours under one extra key, `attometer`:
//
//   schema       1
//   status       "measured", "failed" or "skipped"; reason: why not measured, or null
//   requested, effective, rules; effective also tells `pin`
//   correctness  {reference, error, bound, verdict "valid"|"invalid", …}
//   statistics   {tag: {name, column, unit, less_is_better, primary, count, avg, std, min, med,
//   max,
//                p50, p90, p95, p99, med_ci95, avg_ci95, values}}
//   summaries    [{tag, name, column, unit, value}]: single numbers, for printers
//   precision    reached, where one was asked for: {metric, until, reached, within, iterations, …}
//   plan         {estimated_seconds, estimated_bytes, source, actual_seconds, actual_bytes}
//   memory, roofline, load, model, trust
//   batching     of a load on continuous batching (bench/generation/load_report.h), or null
//   requests     of that load: [{ids, queue_s, ttft_s, itl_s, e2e_s, …}], or null
//   times_ns     [[[int64]]]: iteration, sequence, token; ends_ns: [int64]
#pragma once
#include "base/text.h"
#include "bench/generation/cost_estimate.h"
#include "bench/generation/precision.h"
#include "bench/repository.h"
#include "bench/scenario_matrix.h"

// Appends the text of new ids; NULL where the model has no tokenizer.
typedef bool EntryDecoder(void *context, const int32_t *ids, int64_t count, Text *text);

// What all entries of a run share; borrowed.
typedef struct {
  const char *model_id;
  Repository repository;
  const json_t *trust; // trust_of_run
  bool pinned;         // --pin, which no name or hash tells
  PrecisionGoal goal;
  EntryDecoder *decoder;
  void *decoder_context;
} EntryFacts;

// What a measured scenario adds; borrowed.
typedef struct {
  const json_t *result;         // the worker's answer
  const json_t *make;           // the answer of the worker that made the weights
  const json_t *before, *after; // trust_of_moment
  const CostEstimate *estimate; // NULL: nothing was expected
  double seconds;               // of its process
} EntryParts;

// Checks the worker's answer against the scenario. New reference; NULL: it does not hold what was
// asked for.
CHECKED json_t *entry_measured(const EntryFacts *facts, const MatrixCell *cell,
                               const EntryParts *parts, Error *error);
// An entry without measurements; status "failed" or "skipped". New reference.
json_t *entry_absent(const EntryFacts *facts, const MatrixCell *cell, const char *status,
                     const char *reason);
