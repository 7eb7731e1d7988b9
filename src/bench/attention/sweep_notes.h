// SPDX-License-Identifier: Apache-2.0
// What a sweep says before it runs: what was cut.
#pragma once
#include "bench/attention/sweep.h"

typedef struct {
  int64_t long_shapes, wide_shapes; // left out by max_seq, by max_batch
  int64_t empty_shapes;             // of which kv_size holds no sequence
  int64_t repeated;                 // cells that were there already
} SweepCuts;

void sweep_notes_add(SweepCells *cells, const char *format, ...) PRINTF_LIKE(2, 3);
void sweep_notes_tell(const AttentionSweep *sweep, const SweepCuts *cuts, SweepCells *cells);
