// SPDX-License-Identifier: Apache-2.0
#include "compile/cache_listing.h"
#include "base/array.h"
#include "base/file.h"
#include "compile/code_cache_files.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

typedef ARRAY_OF(CachedEntry) Entries;

const char *cached_kind_name(CachedKind kind) {
  return kind == CACHED_CODE ? "code" : "tuned";
}

static bool look(const CodeCache *cache, const char *key, const char *ending, struct stat *facts) {
  char *path = code_cache_path(code_cache_folder(cache), key, ending);
  bool there = lstat(path, facts) == 0;
  memory_free(path);
  return there;
}

static int64_t seconds_of(const char *iso8601) {
  struct tm time = {0};
  const char *end = strptime(iso8601, "%Y-%m-%dT%H:%M:%SZ", &time);
  return end && *end == '\0' ? (int64_t)timegm(&time) : 0;
}

static void add_file(const CodeCache *cache, const char *ending, CachedEntry *entry) {
  struct stat facts;
  if (!look(cache, entry->key, ending, &facts)) return;
  entry->bytes += facts.st_size;
  if (facts.st_mtim.tv_sec > entry->used) entry->used = facts.st_mtim.tv_sec;
}

static void set_label(CachedEntry *entry, const char *label, const char *created) {
  snprintf(entry->label, sizeof entry->label, "%s", label);
  int64_t made = seconds_of(created);
  if (made) entry->made = made;
}

static CachedEntry code_entry(const CodeCache *cache, const char *key) {
  CachedEntry entry = {.kind = CACHED_CODE};
  CodeCacheEntry code = {0};
  snprintf(entry.key, sizeof entry.key, "%s", key);
  add_file(cache, "so", &entry);
  add_file(cache, "json", &entry);
  entry.made = entry.used;
  entry.whole = code_cache_verify(cache, key, &code);
  set_label(&entry, code.label, code.created);
  return entry;
}

static CachedEntry tuned_entry(const CodeCache *cache, const char *key) {
  CachedEntry entry = {.kind = CACHED_TUNING};
  TuningRecord record;
  snprintf(entry.key, sizeof entry.key, "%s", key);
  add_file(cache, "tuned", &entry);
  entry.made = entry.used;
  entry.whole = tuning_store_read(cache, key, &record);
  if (entry.whole) set_label(&entry, record.label, record.created);
  return entry;
}

static int by_use(const void *a, const void *b) {
  const CachedEntry *x = a, *y = b;
  if (x->used != y->used) return x->used < y->used ? 1 : -1;
  return strcmp(x->key, y->key);
}

// A file of the folder: each entry is taken by one of its files.
static void take_file(const CodeCache *cache, const char *name, Entries *entries) {
  char key[SHA256_HEX_SIZE];
  size_t size = strcspn(name, ".");
  const char *ending = name + size;
  struct stat facts;
  if (!code_cache_is_key(name, size)) return;
  snprintf(key, sizeof key, "%.*s", (int)size, name);
  if (strcmp(ending, ".tuned") == 0)
    ARRAY_APPEND(entries, tuned_entry(cache, key));
  else if (strcmp(ending, ".json") == 0 ||
           (strcmp(ending, ".so") == 0 && !look(cache, key, "json", &facts)))
    ARRAY_APPEND(entries, code_entry(cache, key));
}

int cache_listing_make(const CodeCache *cache, CachedEntry **list) {
  Entries entries = {0};
  DIR *folder = code_cache_problem(cache) ? NULL : opendir(code_cache_folder(cache));
  for (struct dirent *file; folder && (file = readdir(folder));)
    take_file(cache, file->d_name, &entries);
  if (folder) closedir(folder);
  if (entries.count) qsort(entries.items, entries.count, sizeof *entries.items, by_use);
  *list = entries.items;
  return (int)entries.count;
}

bool cache_listing_remove(const CodeCache *cache, const CachedEntry *entry, Error *error) {
  static const char *const endings[] = {"so", "json", "tuned"};
  struct stat facts;
  code_cache_remove(code_cache_folder(cache), entry->key);
  for (size_t i = 0; i < COUNT_OF(endings); i++)
    if (look(cache, entry->key, endings[i], &facts))
      return error_set(error, ERROR_IO, code_cache_folder(cache), "cannot remove %s.%s", entry->key,
                       endings[i]);
  return true;
}
