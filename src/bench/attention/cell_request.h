// SPDX-License-Identifier: Apache-2.0
// What the parent asks of the process of one cell:
//
//   {"task": "attention", "sweep": every key, with the one mod of the cell, "folder": of its
//   arrays,
//    "shape": [B, Hq, M, Hkv, N, D], "query_offset", "documents",
//    "backends": [{"name", "backward", "turn"}]}
//
// It answers with the parts of a cell (runner.h) that it knows: pairs, blocks, work, ceilings,
// backends, usage, allocations, peak_bytes.
#pragma once
#include "bench/attention/prediction.h"

#define CELL_TASK "attention"

typedef struct {
  const AttentionBackend *backend;
  bool backward;
  int turn;
} CellBackend;

typedef struct {
  AttentionSweep *sweep;
  SweepCell cell; // its mod is the sweep's only one
  int count, turns;
  CellBackend backends[PREDICTION_MOST_BACKENDS];
} CellRequest;

// Of the back ends that the prediction did not refuse. New reference.
json_t *cell_request_json(const AttentionSweep *sweep, const SweepCell *cell,
                          const Prediction *prediction);
// On failure nothing is held.
CHECKED bool cell_request_read(const Field *field, CellRequest *request, Error *error);
void cell_request_free(CellRequest *request);
