// SPDX-License-Identifier: Apache-2.0
// What each mask of a sweep leaves, as small pictures that a report draws without the engine:
//
//   {"name": "causal", "queries": 1024, "keys": 1024, "block": 16,
//    "rows": ["p...", "fp..", "ffp.", "fffp"]}      f: all pairs seen, p: some, . none
#pragma once
#include "bench/attention/sweep.h"
#include "device/cpu.h"
#include "device/team.h"

enum { MASK_PICTURE_SQUARES = 64 }; // at most so many in a row and in a column

// One for each mod that has a mask, in the sweep's order: of its smallest cell of at least 1024
// keys, else of its largest; of batch 0, head 0 and, where the mask depends on it, the last head. A
// mod that cannot be bound to that cell has none. New reference.
json_t *mask_pictures(const AttentionSweep *sweep, const SweepCells *cells, CpuTier tier,
                      Team *team);
