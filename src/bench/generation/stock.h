// SPDX-License-Identifier: Apache-2.0
// What the scenarios of a sweep share, made once per dtype by worker processes: the weights in a
// sealed memory file, the prompts, and the reference's logits. A dtype's parts are given back after
// its last scenario.
#pragma once
#include "bench/generation/correctness.h"
#include "bench/generation/feasibility.h"
#include "bench/generation/request.h"
#include "bench/prompt.h"
#include "bench/scenario_matrix.h"
#include "bench/worker_process.h"

typedef struct {
  const char *model; // path, as model_open takes it
  CpuTier tier;
  bool pin;
  WorkerCommand command;
  // Makes exactly `length` ids.
  bool (*prompt)(void *context, int64_t vocabulary, int64_t length, TokenIds *ids, Error *error);
  void *prompt_context;
  void (*tell)(void *context, const char *what); // before a worker starts; may be NULL
  void *tell_context;
} StockOptions;

// One depth and prompt length of one dtype.
typedef struct {
  int64_t depth, length, new_tokens; // new_tokens: how many greedy ids of the reference
  int64_t steps, offset;             // of the logits in the reference file
  TokenIds prompt, expected;         // prompt: [depth + length], the context first
  Error error; // why the reference could not be had; code ERROR_NONE: it is there
} StockCase;

typedef struct {
  Dtype dtype;
  int weights, reference; // descriptors; -1: none
  Feasibility feasibility;
  json_t *make; // the answer of the worker that made the weights
  ARRAY_OF(StockCase) cases;
} Stock;

// Why a dtype's parts could not be had. `fatal`: no scenario of the run can do better (the model is
// missing, malformed or not supported; or we were interrupted).
typedef struct {
  Error error;
  bool fatal;
} StockFailure;

// Makes what the cells [count] of this dtype need, those aside that feasibility_check refuses. NULL
// on failure. A reference that cannot be had is an error of its case only.
CHECKED Stock *stock_open(const StockOptions *options, Dtype dtype, const MatrixCell *cells,
                          const bool *wanted, size_t count, StockFailure *failure);
void stock_close(Stock *stock);                                            // NULL is fine
const StockCase *stock_case(const Stock *stock, const Scenario *scenario); // NULL: not made
