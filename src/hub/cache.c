// SPDX-License-Identifier: Apache-2.0
#include "hub/cache.h"
#include "base/file.h"
#include "base/memory.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_NAME = 96, COMMIT_SIZE = 40, MOST_REFERENCE = 4096 };

static const char *variable(const char *name) {
  const char *value = getenv(name);
  return value && value[0] ? value : NULL;
}

// Appends the value of the variable whose name follows a '$', in braces or not; returns what is
// behind it. An unknown one stays as it is written.
static const char *expand_variable(const char *dollar, Text *out) {
  bool braces = dollar[1] == '{';
  const char *begin = dollar + 1 + braces, *end = begin;
  while (isalnum((unsigned char)*end) || *end == '_') end++;
  const char *after = braces && *end == '}' ? end + 1 : end;
  char name[128];
  snprintf(name, sizeof name, "%.*s", (int)(end - begin), begin);
  const char *value = end > begin && (!braces || *end == '}') ? getenv(name) : NULL;
  if (value)
    text_append_text(out, value);
  else
    text_append(out, dollar, (size_t)(after - dollar));
  return after;
}

static char *expand(const char *path) {
  Text out = {0};
  const char *home = variable("HOME");
  if (path[0] == '~' && (path[1] == '/' || path[1] == 0) && home) {
    text_append_text(&out, home);
    path++;
  }
  while (*path) {
    if (*path == '$')
      path = expand_variable(path, &out);
    else
      text_append_character(&out, *path++);
  }
  text_append(&out, "", 0);
  return out.data;
}

static char *inside(const char *root, const char *rest) {
  char *expanded = expand(root), *path = path_join(expanded, rest);
  memory_free(expanded);
  return path;
}

char *hub_cache_folder(void) {
  const char *value;
  if ((value = variable("HF_HUB_CACHE")) || (value = variable("HUGGINGFACE_HUB_CACHE")))
    return expand(value);
  if ((value = variable("HF_HOME"))) return inside(value, "hub");
  if ((value = variable("XDG_CACHE_HOME"))) return inside(value, "huggingface/hub");
  if ((value = variable("HOME"))) return path_join(value, ".cache/huggingface/hub");
  return NULL;
}

static bool is_part(const char *begin, size_t size) {
  if (size == 0 || size > MOST_NAME) return false;
  for (size_t i = 0; i < size; i++) {
    char c = begin[i];
    if (!isalnum((unsigned char)c) && c != '.' && c != '_' && c != '-') return false;
    bool doubled = i > 0 && begin[i - 1] == c;
    if ((c == '.' || c == '-') && (i == 0 || i + 1 == size || doubled)) return false;
  }
  return true;
}

bool hub_cache_is_name(const char *model_id) {
  const char *slash = strchr(model_id, '/');
  if (!slash) return is_part(model_id, strlen(model_id));
  return is_part(model_id, (size_t)(slash - model_id)) && is_part(slash + 1, strlen(slash + 1));
}

// "CACHE/models--org--name"
static char *repository_folder(const char *cache, const char *model_id) {
  Text name = {0};
  text_append_text(&name, "models--");
  for (const char *c = model_id; *c; c++) {
    if (*c == '/')
      text_append_text(&name, "--");
    else
      text_append_character(&name, *c);
  }
  char *path = path_join(cache, name.data);
  text_free(&name);
  return path;
}

// A commit is 40 hexadecimal digits: anything else could lead out of the folder.
static bool read_commit(const char *repository, char commit[COMMIT_SIZE + 1], Error *error) {
  char *path = path_join(repository, "refs/main");
  Text text = {0};
  bool read = file_read(path, MOST_REFERENCE, &text, error);
  if (read) {
    size_t digits = 0;
    while (digits < text.size && isxdigit((unsigned char)text.data[digits])) digits++;
    read =
        digits == COMMIT_SIZE && (text.size == digits || isspace((unsigned char)text.data[digits]));
    if (read)
      snprintf(commit, COMMIT_SIZE + 1, "%.*s", COMMIT_SIZE, text.data);
    else
      error_set(error, ERROR_FORMAT, path, "does not hold a commit, expected %d hex digits",
                COMMIT_SIZE);
  }
  text_free(&text);
  memory_free(path);
  return read;
}

static char *find_snapshot(const char *repository, const char *model_id, Error *error) {
  char commit[COMMIT_SIZE + 1];
  if (!folder_exists(repository)) {
    error_set(error, ERROR_NOT_FOUND, model_id,
              "is no folder or file here, and not in the Hugging Face cache: looked for %s "
              "(HF_HUB_CACHE or HF_HOME say where the cache is)",
              repository);
    return NULL;
  }
  if (!read_commit(repository, commit, error)) return NULL;
  char *snapshots = path_join(repository, "snapshots"), *path = path_join(snapshots, commit);
  memory_free(snapshots);
  if (folder_exists(path)) return path;
  error_set(error, ERROR_NOT_FOUND, model_id, "the cache has no snapshot of it: looked for %s",
            path);
  memory_free(path);
  return NULL;
}

char *hub_cache_find(const char *model_id, Error *error) {
  if (!hub_cache_is_name(model_id)) {
    error_set(error, ERROR_ARGUMENT, model_id,
              "is no folder or file here, and not a name like org/name");
    return NULL;
  }
  char *cache = hub_cache_folder();
  if (!cache) {
    error_set(error, ERROR_NOT_FOUND, model_id,
              "is no folder or file here, and no cache is known: neither HF_HOME nor HOME is set");
    return NULL;
  }
  char *repository = repository_folder(cache, model_id);
  char *path = find_snapshot(repository, model_id, error);
  memory_free(repository);
  memory_free(cache);
  return path;
}
