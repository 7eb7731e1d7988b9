// SPDX-License-Identifier: Apache-2.0
// The keys [first, last) that each query sees, for masks whose visible keys are consecutive: what a
// flash kernel without a mask language needs. Causal, sliding window, prefix, documents: all are.
#pragma once
#include "attention/block_mask.h"

typedef struct {
  int64_t batches, heads; // 1 where the mask does not depend on it
  int64_t queries, keys;
  int32_t *first, *last; // [batches, heads, queries]; first = last: it sees none
  Region memory;         // of those that row_ranges_build made
} RowRanges;

// From the block mask; only partial blocks are evaluated. A row whose visible keys are not
// consecutive is ERROR_UNSUPPORTED and names the first such row. NULL on failure.
CHECKED RowRanges *row_ranges_build(const BlockMask *mask, const BoundMod *bound, CpuTier tier,
                                    Team *team, Error *error);
void row_ranges_close(RowRanges *ranges); // NULL is fine
// Of a decoder: query i of sequence b stands at position past[b] + i and sees the positions up to
// its own, the last `window` of them where that is not 0. Fills first and last of ranges of
// `batches` x 1 head, which the caller sized.
void row_ranges_of_positions(RowRanges *ranges, const int64_t *past, int64_t window);

// The place of a query's range in first and last.
static inline int64_t row_ranges_at(const RowRanges *ranges, int64_t batch, int64_t head,
                                    int64_t query) {
  int64_t b = ranges->batches > 1 ? batch : 0, h = ranges->heads > 1 ? head : 0;
  return (b * ranges->heads + h) * ranges->queries + query;
}
