// SPDX-License-Identifier: Apache-2.0
#include "compile/code_cache.h"
#include "base/array.h"
#include "base/clock.h"
#include "base/file.h"
#include "compile/code_cache_files.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OBJECT_LIMIT = 64 << 20, LOCK_LOOK_NANOSECONDS = 10 * 1000 * 1000 };

struct CodeCache {
  char *folder;
  int64_t limit;
  Error problem; // ERROR_NONE: usable
  char problem_text[sizeof(Error)];
};

typedef ARRAY_OF(CodeCacheEntry) Entries;

CodeCache *code_cache_open(const char *folder, int64_t limit_bytes) {
  CodeCache *cache = memory_allocate(sizeof *cache);
  cache->limit = limit_bytes;
  cache->folder = folder ? memory_copy_text(folder) : code_cache_standard_folder();
  if (!cache->folder)
    error_set(&cache->problem, ERROR_NOT_FOUND, NULL, "neither XDG_CACHE_HOME nor HOME is set");
  else if (code_cache_check_folder(cache->folder, &cache->problem))
    cache->problem.code = ERROR_NONE;
  error_text(&cache->problem, cache->problem_text, sizeof cache->problem_text);
  return cache;
}

void code_cache_close(CodeCache *cache) {
  if (!cache) return;
  memory_free(cache->folder);
  memory_free(cache);
}

const char *code_cache_folder(const CodeCache *cache) {
  return cache->folder ? cache->folder : "";
}

const char *code_cache_problem(const CodeCache *cache) {
  return cache->problem.code == ERROR_NONE ? NULL : cache->problem_text;
}

// The time of the last use is the entry's own.
static void touch(const CodeCache *cache, const char *key) {
  char *path = code_cache_path(cache->folder, key, "json");
  utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW);
  memory_free(path);
}

static bool read_object(const CodeCache *cache, const char *key, CodeCacheEntry *entry,
                        Text *object) {
  char expected[SHA256_HEX_SIZE], found[SHA256_HEX_SIZE];
  Error ignored;
  if (!code_cache_read_entry(cache->folder, key, entry, expected)) return false;
  char *path = code_cache_path(cache->folder, key, "so");
  bool done = code_cache_read(path, OBJECT_LIMIT, object) && object->size == (size_t)entry->bytes &&
              sha256_bytes(object->data, object->size, found, &ignored) &&
              strcmp(expected, found) == 0;
  memory_free(path);
  return done;
}

bool code_cache_verify(const CodeCache *cache, const char *key, CodeCacheEntry *entry) {
  Text object = {0};
  bool whole = !code_cache_problem(cache) && read_object(cache, key, entry, &object);
  text_free(&object);
  return whole;
}

bool code_cache_find(CodeCache *cache, const char *key, Text *object) {
  CodeCacheEntry entry;
  if (code_cache_problem(cache)) return false;
  if (!read_object(cache, key, &entry, object)) {
    text_free(object);
    return false;
  }
  touch(cache, key);
  return true;
}

static int by_use(const void *a, const void *b) {
  const CodeCacheEntry *x = a, *y = b;
  if (x->used != y->used) return x->used < y->used ? 1 : -1;
  return strcmp(x->key, y->key);
}

static Entries list_entries(const CodeCache *cache) {
  Entries entries = {0};
  DIR *folder = code_cache_problem(cache) ? NULL : opendir(cache->folder);
  for (struct dirent *file; folder && (file = readdir(folder));) {
    char key[SHA256_HEX_SIZE], sha256[SHA256_HEX_SIZE];
    size_t size = strcspn(file->d_name, ".");
    CodeCacheEntry entry;
    if (!code_cache_is_key(file->d_name, size) || strcmp(file->d_name + size, ".json") != 0)
      continue;
    snprintf(key, sizeof key, "%.*s", (int)size, file->d_name);
    if (code_cache_read_entry(cache->folder, key, &entry, sha256)) ARRAY_APPEND(&entries, entry);
  }
  if (folder) closedir(folder);
  if (entries.count) qsort(entries.items, entries.count, sizeof *entries.items, by_use);
  return entries;
}

// Those used longest ago go until the rest fits; the newest always stays.
static void evict(const CodeCache *cache) {
  Entries entries = list_entries(cache);
  int64_t bytes = 0;
  for (size_t i = 0; i < entries.count; i++) {
    bytes += entries.items[i].bytes;
    if (i > 0 && bytes > cache->limit) code_cache_remove(cache->folder, entries.items[i].key);
  }
  ARRAY_FREE(&entries);
}

// The object first: an entry whose object is missing or old does not verify.
bool code_cache_store(CodeCache *cache, const CodeCacheEntry *entry, Span object) {
  char sha256[SHA256_HEX_SIZE];
  Error ignored;
  if (code_cache_problem(cache)) return false;
  char *path = code_cache_path(cache->folder, entry->key, "so");
  bool done = sha256_bytes(object.data, object.size, sha256, &ignored) &&
              file_write_atomically(path, object.data, object.size, &ignored) &&
              code_cache_write_entry(cache->folder, entry, sha256, &ignored);
  memory_free(path);
  if (done)
    evict(cache);
  else
    code_cache_remove(cache->folder, entry->key);
  return done;
}

static bool wait_for_lock(int descriptor, int64_t deadline) {
  for (;;) {
    if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) return true;
    if (clock_now() >= deadline) return false;
    usleep(LOCK_LOOK_NANOSECONDS / 1000);
  }
}

int code_cache_lock(const CodeCache *cache, const char *key, int64_t timeout_ns) {
  if (code_cache_problem(cache)) return -1;
  char *path = code_cache_path(cache->folder, key, "lock");
  int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  memory_free(path);
  if (descriptor < 0 || wait_for_lock(descriptor, clock_now() + timeout_ns)) return descriptor;
  close(descriptor);
  return -1;
}

void code_cache_unlock(int descriptor) {
  if (descriptor >= 0) close(descriptor);
}

int code_cache_list(CodeCache *cache, CodeCacheEntry **entries) {
  Entries found = list_entries(cache);
  *entries = found.items;
  return (int)found.count;
}

int code_cache_clear(CodeCache *cache, Error *error) {
  if (code_cache_problem(cache)) {
    *error = cache->problem;
    return -1;
  }
  int removed = 0;
  DIR *folder = opendir(cache->folder);
  for (struct dirent *file; folder && (file = readdir(folder));) {
    size_t size = strcspn(file->d_name, ".");
    char *path = path_join(cache->folder, file->d_name);
    if (code_cache_is_key(file->d_name, size) && unlink(path) == 0)
      removed += strcmp(file->d_name + size, ".so") == 0;
    memory_free(path);
  }
  if (folder) closedir(folder);
  return removed;
}
