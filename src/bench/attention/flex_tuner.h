// SPDX-License-Identifier: Apache-2.0
// Finds how flex is best cut for a cell (--max-autotune): candidates are timed against the best so
// far, call by call in turn, on the cell's own shape and mod, and one replaces it only where it is
// faster beyond what noise explains. Winners are kept with their evidence (compile/tuning_store.h).
#pragma once
#include "bench/attention/cell_request.h"
#include "bench/attention/cell_tensors.h"
#include "compile/tuning_store.h"

typedef struct {
  bool present, cached; // cached: it was found in the store
  FlexTiles tiles;
  TuningRecord record;
} FlexTuning;

typedef struct {
  const CodeCache *cache; // NULL: nothing is kept
  const char *what;       // text of all that the cell is (its configuration)
  double seconds; // that it may take, about; fewer candidates are tried where calls are long
} FlexTunerOptions;

// Of the flex back end, backward too where it is asked for. A plan that cannot be prepared is no
// candidate; where even the first cannot, nothing is present.
FlexTuning flex_tuner_run(const CellBackend *backend, CellTensors *tensors,
                          const AttentionProblem *problem, const AttentionSetup *setup,
                          const FlexTunerOptions *options);
// Of the plan with these tiles; "" and other texts that it did not write: false.
void flex_tiles_name(const FlexTiles *tiles, char name[TUNING_NAME]);
bool flex_tiles_parse(const char *name, FlexTiles *tiles);
