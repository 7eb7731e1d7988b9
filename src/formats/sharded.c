// SPDX-License-Identifier: Apache-2.0
#include "formats/sharded.h"
#include "base/document.h"
#include "base/file.h"
#include "formats/safetensors.h"
#include <stdlib.h>
#include <string.h>

enum { MOST_INDEX_BYTES = 100000000, MOST_INDEX_VALUES = 2000000, MOST_SHARDS = 10000 };

// One line of weight_map.
typedef struct {
  const char *tensor, *shard;
} Line;

static int compare_lines(const void *a, const void *b) {
  const Line *x = a, *y = b;
  int order = strcmp(x->shard, y->shard);
  return order ? order : strcmp(x->tensor, y->tensor);
}

static bool check_shard_name(const Field *field, const char *shard, Error *error) {
  bool leaves = shard[0] == '\0' || strpbrk(shard, "/\\") || strstr(shard, "..");
  if (!leaves) return true;
  return error_set(error, ERROR_FORMAT, field->path,
                   "is \"%.128s\", expected the name of a file beside the index", shard);
}

// The lines of weight_map, sorted by shard; the caller frees. Texts belong to the document.
static Line *read_lines(const Field *map, Error *error) {
  if (!field_object(map, error)) return NULL;
  Line *lines = memory_allocate(field_count(map) * sizeof *lines);
  size_t count = 0;
  const char *tensor;
  json_t *value;
  json_object_foreach((json_t *)map->value, tensor, value) {
    Field field = field_get(map, tensor);
    const char *shard;
    if (!field_text(&field, &shard, error) || !check_shard_name(&field, shard, error)) {
      memory_free(lines);
      return NULL;
    }
    lines[count++] = (Line){tensor, shard};
  }
  qsort(lines, count, sizeof *lines, compare_lines);
  return lines;
}

// Moves the listed tensors of one shard, and its file, into the whole.
static bool take_shard(Checkpoint *whole, const char *path, const Line *lines, size_t count,
                       Error *error) {
  Checkpoint part;
  if (!safetensors_open(&part, path, error)) return false;
  bool taken = true;
  for (size_t i = 0; i < count && taken; i++) {
    const Tensor *tensor = checkpoint_find(&part, lines[i].tensor);
    if (tensor)
      checkpoint_add(whole, span_of(lines[i].tensor), *tensor);
    else
      taken = error_set(error, ERROR_FORMAT, path,
                        "lacks tensor %.200s, which the index expects in it", lines[i].tensor);
  }
  checkpoint_take_files(whole, &part);
  checkpoint_close(&part);
  return taken;
}

static bool take_shards(Checkpoint *whole, const char *folder, const Line *lines, size_t count,
                        Error *error) {
  size_t shards = 0;
  for (size_t begin = 0, end; begin < count; begin = end) {
    for (end = begin; end < count && strcmp(lines[end].shard, lines[begin].shard) == 0;) end++;
    if (++shards > MOST_SHARDS)
      return error_set(error, ERROR_UNSUPPORTED, folder, "has more than %d shards", MOST_SHARDS);
    char *path = path_join(folder, lines[begin].shard);
    bool taken = take_shard(whole, path, lines + begin, end - begin, error);
    memory_free(path);
    if (!taken) return false;
  }
  return true;
}

static bool open_listed(Checkpoint *checkpoint, const char *path, const json_t *root,
                        Error *error) {
  Field top = field_root(root, text_ending(path, 60)), map = field_get(&top, "weight_map");
  if (!field_object(&top, error)) return false;
  Line *lines = read_lines(&map, error);
  if (!lines) return false;
  const char *slash = strrchr(path, '/');
  char *folder = memory_copy_text(slash ? path : ".");
  if (slash) folder[slash == path ? 1 : slash - path] = '\0';
  bool opened = take_shards(checkpoint, folder, lines, field_count(&map), error) &&
                checkpoint_index(checkpoint, path, error);
  memory_free(folder);
  memory_free(lines);
  return opened;
}

static json_t *read_index(const char *path, Error *error) {
  FileMap map;
  if (!file_map_open(&map, path, error)) return NULL;
  json_t *root = NULL;
  if (map.size > MOST_INDEX_BYTES)
    error_set(error, ERROR_FORMAT, path, "is %zu bytes, expected at most %d", map.size,
              MOST_INDEX_BYTES);
  else if (document_values_bound(map.data, map.size) > MOST_INDEX_VALUES)
    error_set(error, ERROR_UNSUPPORTED, path, "may hold over %d JSON values, expected fewer",
              MOST_INDEX_VALUES);
  else
    root = document_parse(map.data, map.size, path, error);
  file_map_close(&map);
  return root;
}

bool sharded_open(Checkpoint *checkpoint, const char *path, Error *error) {
  *checkpoint = (Checkpoint){0};
  json_t *root = read_index(path, error);
  if (!root) return false;
  bool opened = open_listed(checkpoint, path, root, error);
  json_decref(root);
  if (!opened) checkpoint_close(checkpoint);
  return opened;
}
