// SPDX-License-Identifier: Apache-2.0
// BPE merges: (left id, right id) -> (rank, id of the result), one flat open-addressing table.
#pragma once
#include <stddef.h>
#include <stdint.h>

#define MERGE_NONE UINT32_MAX // rank of a pair that does not merge

typedef struct {
  uint64_t key; // left << 32 | right; UINT64_MAX: empty
  uint32_t rank;
  int32_t id;
} Merge;

typedef struct {
  Merge *slots;
  size_t mask, count;
} MergeTable;

void merge_table_reserve(MergeTable *table, size_t count); // before the first merge_table_put
// A pair that is there already takes the new rank and result. Room must have been reserved.
void merge_table_put(MergeTable *table, int32_t left, int32_t right, uint32_t rank, int32_t id);
void merge_table_close(MergeTable *table);

static inline size_t merge_hash(uint64_t key) {
  key *= 0x9E3779B97F4A7C15u;
  return (size_t)(key ^ key >> 32);
}

// The merge of a pair; NULL when there is none.
static inline const Merge *merge_table_find(const MergeTable *table, int32_t left, int32_t right) {
  uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
  for (size_t at = merge_hash(key) & table->mask;; at = (at + 1) & table->mask) {
    const Merge *merge = &table->slots[at];
    if (merge->key == key) return merge;
    if (merge->key == UINT64_MAX) return NULL;
  }
}
