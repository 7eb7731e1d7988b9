// SPDX-License-Identifier: Apache-2.0
// What a cell needs in memory, known before it runs, and which back ends can run it.
#pragma once
#include "attention/backend.h"
#include "bench/attention/sweep.h"

enum { PREDICTION_MOST_BACKENDS = 16 };

typedef struct {
  const AttentionBackend *backend;
  Error refused; // why it does not run this cell (not here, no support, no memory); else ERROR_NONE
  int64_t bytes; // beside the operands; INT64_MAX stands for more than that
  bool backward; // false although asked for: it has a forward pass only
  int turn;      // back ends whose plans fit in memory together take the same turn, from 0
} PredictedBackend;

typedef struct {
  int64_t shared;    // operands, results, gradients, the check, the flush buffer, the mask
  int64_t bytes;     // shared + the most of what runs together
  int64_t available; // bytes; 0: not known
  int turns;
  int count; // the sweep's back ends in its order, then flex
  PredictedBackend backend[PREDICTION_MOST_BACKENDS];
} Prediction;

// `available`: memory that a process can have now, capped by the sweep's max_bytes
// (prediction_available). False: no back end can run the cell; *error says why, with the figure,
// and the prediction is filled nevertheless. The back ends' `supports` is asked with the shape and
// `mod`, which may be NULL for noop.
CHECKED bool prediction_make(const AttentionSweep *sweep, const SweepCell *cell,
                             const BoundMod *mod, int64_t available, int threads,
                             Prediction *prediction, Error *error);
int64_t prediction_available(const AttentionSweep *sweep);
// The problem of a cell; its mod is the caller's.
AttentionProblem prediction_problem(const AttentionSweep *sweep, const SweepCell *cell,
                                    const BoundMod *mod);
