// SPDX-License-Identifier: Apache-2.0
// One back end in the process of a cell: prepared, checked, called, and what came of it.
#pragma once
#include "bench/attention/cell_check.h"
#include "bench/attention/cell_compiler.h"
#include "bench/attention/cell_request.h"
#include "bench/attention/cell_work.h"
#include "bench/attention/flex_tuner.h"
#include "statistics/timing.h"

typedef enum { PASS_FORWARD, PASS_BACKWARD, PASS_COUNT } CellPass;

typedef struct {
  const CellBackend *backend;
  CellTensors *tensors; // of the cell
  AttentionPlan *plan;  // NULL: not prepared, or released again
  Error failed;         // why it could not be prepared; ERROR_NONE: it was
  int64_t prepare_ns;
  AttentionMaskFacts mask;
  FlexTuning tuning;
  AttentionCodeFacts code; // after the check
  CellCodeTimes code_times;
  CellCheck check;
  int64_t first_ns[PASS_COUNT]; // of the first call
  TimedCall warm[PASS_COUNT], cold[PASS_COUNT];
  int64_t *values; // [PASS_COUNT, 2, TIMING_MOST]: of the calls
} CellLane;

void cell_lane_open(CellLane *lane, const CellBackend *backend, CellTensors *tensors);
void cell_lane_close(CellLane *lane);
// Prepares the plan and takes the time; what fails is in lane->failed.
void cell_lane_prepare(CellLane *lane, const AttentionProblem *problem,
                       const AttentionSetup *setup);
void cell_lane_release(CellLane *lane);
// One forward pass, and one backward where it has one, over poisoned results; compared. A plan that
// is interpreted while it is compiled is called until it is compiled, and compared again; code that
// fails where the setup needs it is in lane->failed.
void cell_lane_check(CellLane *lane, const AttentionProblem *problem,
                     const SampleReference *reference, const AttentionSetup *setup);
bool cell_lane_has(const CellLane *lane, CellPass pass); // whether it runs this pass

// The ceilings of the cell.
typedef struct {
  double fma_gflop_per_s, read_gb_per_s, warm_read_gb_per_s;
} CellCeilings;

// Its object in the cell's results. `flex` is the lane to compare with, or NULL. New reference.
json_t *cell_lane_json(const CellLane *lane, const SampleReference *reference, const CellWork *work,
                       const CellCeilings *ceilings, const CellLane *flex,
                       const CellCompiler *compiler);
// {rows, columns, full, partial, empty, sparsity, build_ns}; null where there is no mask.
json_t *cell_mask_json(const AttentionMaskFacts *mask);
