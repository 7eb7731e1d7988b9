// SPDX-License-Identifier: Apache-2.0
// What the parts of paged attention share while a pass runs.
#pragma once
#include "attention/paged.h"

typedef struct {
  const OperatorContext *context;
  const PagedAttention *paged;
  AttentionSpec spec; // heads, window, scale, dtype; batch, queries and keys are the segment's
  void *prepared;
  Tensor queries, keys, values; // keys, values: [1, kv_heads, slots, D]
  Tensor output;                // [rows, heads * D]
  const PagedSegment *segments;
  int64_t count;
  const int32_t *blocks; // of segment i at blocks + i * blocks_row
  int64_t blocks_row, block_size;
} PagedPass;

static inline int64_t paged_keys(const PagedSegment *segment) {
  return segment->past + segment->rows;
}

// Slots [*slot, *slot + count) that hold keys `key` … of segment `index`: the longest run in
// memory, at most `most` keys.
static inline int64_t paged_run(const PagedPass *pass, int64_t index, int64_t key, int64_t most,
                                int64_t *slot) {
  const int32_t *blocks = pass->blocks + index * pass->blocks_row;
  int64_t block = key / pass->block_size, offset = key % pass->block_size;
  int64_t count = pass->block_size - offset;
  *slot = blocks[block] * pass->block_size + offset;
  for (; count < most && blocks[block + 1] == blocks[block] + 1; block++) count += pass->block_size;
  return count < most ? count : most;
}

// Segments [begin, end), equally long passes, through the keys and values that are copied out of
// the pages, and then as the implementation does it.
void paged_gather_run(const PagedPass *pass, int64_t begin, int64_t end);
// How many segments from `begin` on one call of paged_gather_run takes: neighbours of one query
// each, while what is copied stays small.
int64_t paged_gather_count(const PagedPass *pass, int64_t begin);
// The segments of one query, in one fork, from the pages as they lie: threads take blocks of the
// keys of a key head, which are read once for the query heads of its group.
void paged_decode_run(const PagedPass *pass);
