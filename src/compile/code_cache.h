// SPDX-License-Identifier: Apache-2.0
// Built code on disk, found by what it was made from.
//
//   FOLDER/KEY.so     the shared object
//   FOLDER/KEY.json   {"label", "sha256", "size", "compiler", "flags", "processor", "build_ns",
//                      "created"}
//   FOLDER/KEY.lock   held by the process that builds it
//
// KEY is the SHA-256 of source, compiler, flags and processor. The folder is
// $ATTOMETER_CACHE_DIR, else $XDG_CACHE_HOME/attometer/code, else ~/.cache/attometer/code; it and
// its entries must belong to this user and be writable by nobody else. An entry whose checksum does
// not hold is as good as none. A folder that cannot be used costs the cache, never a run: `problem`
// says why, and everything is built anew.
#pragma once
#include "base/sha256.h"
#include "base/text.h"
#include <stdint.h>

typedef struct CodeCache CodeCache;

enum { CODE_CACHE_LABEL = 96 };
#define CODE_CACHE_STANDARD_BYTES ((int64_t)256 << 20)

typedef struct {
  char key[SHA256_HEX_SIZE];
  char label[CODE_CACHE_LABEL]; // "flex causal float32 D64", for people
  char compiler[256], flags[512], processor[128];
  int64_t bytes, build_ns;
  char created[32]; // ISO 8601 UTC
  int64_t used;     // seconds since the epoch: the last time it was taken
} CodeCacheEntry;

// folder NULL: as above. Never fails: see code_cache_problem.
CodeCache *code_cache_open(const char *folder, int64_t limit_bytes);
void code_cache_close(CodeCache *cache); // NULL is fine
const char *code_cache_folder(const CodeCache *cache);
// Why nothing can be kept ("/x belongs to another user"), or NULL.
const char *code_cache_problem(const CodeCache *cache);

// Reads a whole, verified entry into *object (caller frees). False: there is none.
bool code_cache_find(CodeCache *cache, const char *key, Text *object);
// Whether the entry is whole; of one that is, what it says. Does not count as a use.
bool code_cache_verify(const CodeCache *cache, const char *key, CodeCacheEntry *entry);
// Puts an entry in place, atomically, then drops those used longest ago until the folder is within
// its limit. False: it could not be kept (full disk, read-only); nothing of it is left.
bool code_cache_store(CodeCache *cache, const CodeCacheEntry *entry, Span object);
// Waits until no other process builds this key, at most `timeout_ns`; returns a descriptor to give
// to code_cache_unlock, -1 where locking does not work or took too long (then build it anyway).
int code_cache_lock(const CodeCache *cache, const char *key, int64_t timeout_ns);
void code_cache_unlock(int descriptor); // -1 is fine

// The entries, most recently used first; caller frees the array.
int code_cache_list(CodeCache *cache, CodeCacheEntry **entries);
// Removes all entries; returns how many, -1 with *error set where the folder cannot be changed.
CHECKED int code_cache_clear(CodeCache *cache, Error *error);
