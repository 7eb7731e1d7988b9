// SPDX-License-Identifier: Apache-2.0
// What the cache's folder holds, for people: built code and answers of tuners, whole or not.
#pragma once
#include "compile/tuning_store.h"

typedef enum { CACHED_CODE, CACHED_TUNING } CachedKind;

typedef struct {
  CachedKind kind;
  char key[SHA256_HEX_SIZE];
  char label[TUNING_LABEL]; // "": it cannot be read
  bool whole;               // false: it is as good as none, and is made anew when it is asked for
  int64_t bytes;            // of all its files
  int64_t made, used;       // seconds since the epoch; of one that is not whole the file's times
} CachedEntry;

const char *cached_kind_name(CachedKind kind); // "code", "tuned"
// Most recently used first; verifies each. Caller frees the array. 0 where the cache has a problem.
int cache_listing_make(const CodeCache *cache, CachedEntry **entries);
// All files of the entry. ERROR_IO where one is still there.
CHECKED bool cache_listing_remove(const CodeCache *cache, const CachedEntry *entry, Error *error);
