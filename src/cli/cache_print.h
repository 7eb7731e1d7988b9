// SPDX-License-Identifier: Apache-2.0
// How entries of the cache are printed: a table of 80 columns, or JSON; one of them in full.
#pragma once
#include "base/error.h"
#include "compile/cache_listing.h"

enum { CACHE_KEY_SHOWN = 12 }; // characters of a key that the table has

void cache_print_list(const CodeCache *cache, const CachedEntry *entries, int count, bool as_json);
// What the entry was made from; of a tuner's answer each candidate with what became of it.
void cache_print_entry(const CodeCache *cache, const CachedEntry *entry, bool as_json);
