// SPDX-License-Identifier: Apache-2.0
// Words seen lately and their ids: direct-mapped, one cache line per entry, overwritten on
// collision. Belongs to one thread.
#pragma once
#include "base/text.h"
#include <stdint.h>

#define WORD_CACHE_BYTES 26
#define WORD_CACHE_IDS 8
#define WORD_CACHE_ENTRIES 32768u

typedef struct {
  int32_t ids[WORD_CACHE_IDS];
  uint32_t hash;
  uint8_t size; // of the word; 0: empty entry
  uint8_t count;
  char word[WORD_CACHE_BYTES];
} WordCacheEntry;
_Static_assert(sizeof(WordCacheEntry) == 64, "one cache line");

typedef struct {
  WordCacheEntry *entries;
} WordCache;

void word_cache_open(WordCache *cache);
void word_cache_close(WordCache *cache);
// The entry of a word (holding it or not); NULL for a word too long to be kept.
WordCacheEntry *word_cache_entry(WordCache *cache, Span word, uint32_t *hash);
bool word_cache_holds(const WordCacheEntry *entry, Span word, uint32_t hash);
// Keeps the word unless it has too many ids.
void word_cache_put(WordCacheEntry *entry, Span word, uint32_t hash, const int32_t *ids,
                    size_t count);
