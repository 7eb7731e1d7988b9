// SPDX-License-Identifier: Apache-2.0
// The keys [first, last) that each query sees, for masks whose visible keys are consecutive: what a
// flash kernel without a mask language needs. Causal, sliding window, prefix, documents: all are.
#pragma once
#include "attention/block_mask.h"

typedef struct {
  int64_t batches, heads, queries; // batches, heads: 1 where the mask does not depend on it
  int32_t *first, *last;           // [batches, heads, queries]; first = last: it sees none
} RowRanges;

// From the block mask; only partial blocks are evaluated. A row whose visible keys are not
// consecutive is ERROR_UNSUPPORTED and names the first such row. NULL on failure.
CHECKED RowRanges *row_ranges_build(const BlockMask *mask, const BoundMod *bound, CpuTier tier,
                                    Team *team, Error *error);
void row_ranges_close(RowRanges *ranges); // NULL is fine
