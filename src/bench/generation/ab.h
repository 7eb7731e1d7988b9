// SPDX-License-Identifier: Apache-2.0
// Two scenarios against each other on this machine now, in rounds. Each round runs both, in an
// order that a coin decides, each in a process of its own: what differs between processes that do
// the same (where their memory lies, say) is drawn anew in every round and so counts as noise, as
// it must, and what changes slowly meets both. A round gives one value a side and metric, the
// median of its measured runs. Rounds are looked at as statistics/sequential.h says.
#pragma once
#include "base/progress.h"
#include "bench/generation/stock.h"
#include "statistics/sequential.h"

enum { AB_A, AB_B, AB_SIDES };
enum { AB_METRICS = 4 };

extern const char *const ab_metric_tags[AB_METRICS]; // of token_times.h

typedef struct {
  MatrixCell cells[AB_SIDES];
  WorkerCommand commands[AB_SIDES]; // of each side's program
  StockOptions stock;               // of both, each with its command
  size_t rounds_most, looks;
  double alpha;        // chance of any verdict at all where A and B do not differ
  double least_effect; // share that is no difference
  double budget;       // seconds of rounds; 0: as long as they take
  uint64_t seed;       // of the coin and of the bootstrap
  Progress *progress;
} AbOptions;

typedef enum { AB_DECIDED, AB_ROUNDS, AB_TIME, AB_INVALID } AbEnd;

typedef struct {
  size_t rounds;
  bool *b_first;                        // [rounds]
  double *values[AB_METRICS][AB_SIDES]; // [rounds]
  SequentialComparison comparisons[AB_METRICS];
  json_t *correctness[AB_SIDES]; // the worst of the rounds
  bool valid[AB_SIDES];
  AbEnd end;
  double seconds; // of the rounds
} AbOutcome;

// Of all metrics together: worse where any is worse, better where none is and any is better.
typedef enum { AB_CANNOT_TELL, AB_BETTER, AB_WORSE, AB_SAME } AbVerdict;

SequentialDesign ab_design(const AbOptions *options, size_t metric);
// False: a side could not be run, which *error names. An invalid side ends the rounds.
CHECKED bool ab_run(const AbOptions *options, AbOutcome *outcome, Error *error);
void ab_free(AbOutcome *outcome); // a zero one is fine
// AB_CANNOT_TELL where a side is invalid; AB_SAME: every difference is within least_effect.
AbVerdict ab_verdict(const AbOutcome *outcome);
const char *ab_end_name(AbEnd end); // "decided", "rounds", "time", "invalid"
