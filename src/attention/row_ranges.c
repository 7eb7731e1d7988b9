// SPDX-License-Identifier: Apache-2.0
#include "attention/row_ranges.h"
#include "kernels/ops.h"

void row_ranges_of_positions(RowRanges *ranges, const int64_t *past, int64_t window) {
  for (int64_t b = 0; b < ranges->batches; b++)
    for (int64_t i = 0; i < ranges->queries; i++) {
      int64_t first, last, at = b * ranges->queries + i;
      ops_visible(past[b] + i, window, ranges->keys, &first, &last);
      ranges->first[at] = (int32_t)first;
      ranges->last[at] = (int32_t)last;
    }
}
