// SPDX-License-Identifier: Apache-2.0
#include "tokenizer/word_cache.h"
#include "base/memory.h"
#include "tokenizer/vocabulary.h"
#include <string.h>

void word_cache_open(WordCache *cache) {
  cache->entries = memory_allocate(WORD_CACHE_ENTRIES * sizeof *cache->entries);
}

void word_cache_close(WordCache *cache) {
  memory_free(cache->entries);
  cache->entries = NULL;
}

WordCacheEntry *word_cache_entry(WordCache *cache, Span word, uint32_t *hash) {
  if (word.size == 0 || word.size > sizeof cache->entries->word) return NULL;
  uint64_t full = vocabulary_hash(word.data, word.size);
  *hash = (uint32_t)(full >> 32);
  return &cache->entries[full % WORD_CACHE_ENTRIES];
}

bool word_cache_holds(const WordCacheEntry *entry, Span word, uint32_t hash) {
  return entry->hash == hash && entry->size == word.size &&
         memcmp(entry->word, word.data, word.size) == 0;
}

void word_cache_put(WordCacheEntry *entry, Span word, uint32_t hash, const int32_t *ids,
                    size_t count) {
  if (count > WORD_CACHE_IDS) return;
  entry->hash = hash;
  entry->size = (uint8_t)word.size;
  entry->count = (uint8_t)count;
  memcpy(entry->word, word.data, word.size);
  if (count) memcpy(entry->ids, ids, count * sizeof *ids);
}
