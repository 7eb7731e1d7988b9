// SPDX-License-Identifier: Apache-2.0
// A cell in the results (runner.h).
#pragma once
#include "bench/attention/prediction.h"

// What all entries of a sweep share, and one cell; borrowed.
typedef struct {
  const AttentionSweep *sweep;
  const SweepCell *cell;
  size_t index;                 // in the sweep
  const Prediction *prediction; // NULL: none could be made
  const bool *crashed;          // [prediction->count]: its refusal is how its process ended
} EntryCell;

// The process's answer is checked: it comes from another process, which may have gone wrong in any
// way. New reference; NULL: it is not what was asked for.
CHECKED json_t *cell_entry_measured(const EntryCell *entry, const json_t *answer,
                                    const json_t *before, const json_t *after, Error *error);
// Status "failed" or "skipped". New reference.
json_t *cell_entry_absent(const EntryCell *entry, const char *status, const char *reason);
// Whether a measured entry has a back end whose result is wrong.
bool cell_entry_invalid(const json_t *entry);
// "flex 1.23 ms, fav2 0.98 ms, math INVALID": one line of a measured entry; appended.
void cell_entry_tell(const json_t *entry, Text *text);
