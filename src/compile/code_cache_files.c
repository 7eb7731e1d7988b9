// SPDX-License-Identifier: Apache-2.0
#include "compile/code_cache_files.h"
#include "base/document.h"
#include "base/file.h"
#include "base/memory.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ENTRY_LIMIT = 16 << 10 };

char *code_cache_standard_folder(void) {
  const char *named = getenv("ATTOMETER_CACHE_DIR"), *shared = getenv("XDG_CACHE_HOME"),
             *home = getenv("HOME");
  if (named && named[0]) return memory_copy_text(named);
  if (shared && shared[0] == '/') return path_join(shared, "attometer/code");
  if (home && home[0] == '/') return path_join(home, ".cache/attometer/code");
  return NULL;
}

static bool is_private(const struct stat *facts) {
  return facts->st_uid == geteuid() && (facts->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

bool code_cache_check_folder(const char *folder, Error *error) {
  struct stat facts;
  bool absent = !folder_exists(folder);
  if (absent && !folder_make(folder, error)) return false;
  if (absent && chmod(folder, 0700) != 0)
    return error_set_errno(error, folder, "cannot make the folder private");
  if (lstat(folder, &facts) != 0) return error_set_errno(error, folder, "cannot inspect");
  if (!S_ISDIR(facts.st_mode))
    return error_set(error, ERROR_ARGUMENT, folder, "is not a folder of its own");
  if (facts.st_uid != geteuid())
    return error_set(error, ERROR_ARGUMENT, folder, "belongs to another user");
  if (!is_private(&facts))
    return error_set(error, ERROR_ARGUMENT, folder, "can be written by others (mode %03o)",
                     facts.st_mode & 0777u);
  if (access(folder, W_OK) != 0) return error_set_errno(error, folder, "cannot be written");
  return true;
}

char *code_cache_path(const char *folder, const char *key, const char *ending) {
  Text path = {0};
  text_append_format(&path, "%s/%s.%s", folder, key, ending);
  return path.data;
}

static bool read_private(int descriptor, size_t limit, Text *text) {
  struct stat facts;
  if (fstat(descriptor, &facts) != 0 || !S_ISREG(facts.st_mode) || !is_private(&facts))
    return false;
  if (facts.st_size <= 0 || (size_t)facts.st_size > limit) return false;
  text_clear(text);
  char buffer[1 << 14];
  for (ssize_t count; (count = read(descriptor, buffer, sizeof buffer)) != 0;) {
    if (count < 0 || text->size + (size_t)count > limit) return false;
    text_append(text, buffer, (size_t)count);
  }
  return true;
}

bool code_cache_read(const char *path, size_t limit, Text *text) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (descriptor < 0) return false;
  bool done = read_private(descriptor, limit, text);
  close(descriptor);
  return done;
}

static bool copy_field(const Field *object, const char *key, char *out, size_t size) {
  Field field = field_get(object, key);
  const char *text;
  Error ignored;
  return field_text(&field, &text, &ignored) && (size_t)snprintf(out, size, "%s", text) < size;
}

static bool fill_entry(const Field *root, CodeCacheEntry *entry, char sha256[SHA256_HEX_SIZE]) {
  Field bytes = field_get(root, "size"), build = field_get(root, "build_ns");
  Error ignored;
  return copy_field(root, "label", entry->label, sizeof entry->label) &&
         copy_field(root, "compiler", entry->compiler, sizeof entry->compiler) &&
         copy_field(root, "flags", entry->flags, sizeof entry->flags) &&
         copy_field(root, "processor", entry->processor, sizeof entry->processor) &&
         copy_field(root, "created", entry->created, sizeof entry->created) &&
         copy_field(root, "sha256", sha256, SHA256_HEX_SIZE) &&
         field_integer(&bytes, 1, INT64_MAX, &entry->bytes, &ignored) &&
         field_integer(&build, 0, INT64_MAX, &entry->build_ns, &ignored);
}

bool code_cache_read_entry(const char *folder, const char *key, CodeCacheEntry *entry,
                           char sha256[SHA256_HEX_SIZE]) {
  char *path = code_cache_path(folder, key, "json");
  Text text = {0};
  Error ignored;
  struct stat facts;
  json_t *root = code_cache_read(path, ENTRY_LIMIT, &text)
                     ? document_parse(text.data, text.size, path, &ignored)
                     : NULL;
  Field field = field_root(root, path);
  *entry = (CodeCacheEntry){0};
  snprintf(entry->key, sizeof entry->key, "%s", key);
  bool done = root && fill_entry(&field, entry, sha256);
  if (done && stat(path, &facts) == 0) entry->used = facts.st_mtim.tv_sec;
  json_decref(root);
  text_free(&text);
  memory_free(path);
  return done;
}

bool code_cache_write_entry(const char *folder, const CodeCacheEntry *entry, const char *sha256,
                            Error *error) {
  char *path = code_cache_path(folder, entry->key, "json");
  json_t *root = json_pack("{sssssIsssssssIss}", "label", entry->label, "sha256", sha256, "size",
                           (json_int_t)entry->bytes, "compiler", entry->compiler, "flags",
                           entry->flags, "processor", entry->processor, "build_ns",
                           (json_int_t)entry->build_ns, "created", entry->created);
  char *text = json_dumps(root, JSON_INDENT(2));
  bool done = text ? file_write_atomically(path, text, strlen(text), error)
                   : error_set(error, ERROR_FORMAT, path, "the label is no UTF-8 text");
  free(text);
  json_decref(root);
  memory_free(path);
  return done;
}

bool code_cache_is_key(const char *name, size_t size) {
  return size == SHA256_HEX_SIZE - 1 && strspn(name, "0123456789abcdef") >= size;
}

void code_cache_remove(const char *folder, const char *key) {
  static const char *const endings[] = {"json", "so", "tuned", "lock"};
  for (size_t i = 0; i < COUNT_OF(endings); i++) {
    char *path = code_cache_path(folder, key, endings[i]);
    unlink(path);
    memory_free(path);
  }
}
