// SPDX-License-Identifier: Apache-2.0
#include "tokenizer/merge_table.h"
#include "base/memory.h"

void merge_table_reserve(MergeTable *table, size_t count) {
  size_t slots = 16;
  while (slots < 2 * count + 2) slots *= 2;
  table->slots = memory_allocate(slots * sizeof *table->slots);
  table->mask = slots - 1;
  for (size_t i = 0; i < slots; i++) table->slots[i].key = UINT64_MAX;
}

void merge_table_put(MergeTable *table, int32_t left, int32_t right, uint32_t rank, int32_t id) {
  uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
  size_t at = merge_hash(key) & table->mask;
  while (table->slots[at].key != UINT64_MAX && table->slots[at].key != key)
    at = (at + 1) & table->mask;
  if (table->slots[at].key == UINT64_MAX) table->count++;
  table->slots[at] = (Merge){key, rank, id};
}

void merge_table_close(MergeTable *table) {
  memory_free(table->slots);
  *table = (MergeTable){0};
}
