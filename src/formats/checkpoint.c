// SPDX-License-Identifier: Apache-2.0
#include "formats/checkpoint.h"
#include <stdlib.h>
#include <string.h>

void checkpoint_close(Checkpoint *checkpoint) {
  for (size_t i = 0; i < checkpoint->maps.count; i++) file_map_close(&checkpoint->maps.items[i]);
  ARRAY_FREE(&checkpoint->tensors);
  ARRAY_FREE(&checkpoint->texts);
  ARRAY_FREE(&checkpoint->maps);
  memory_free(checkpoint->by_name);
  arena_close(checkpoint->arena);
  *checkpoint = (Checkpoint){0};
}

static int compare_name_with_tensor(const void *key, const void *item) {
  return strcmp(key, (*(const NamedTensor *const *)item)->name);
}

const Tensor *checkpoint_find(const Checkpoint *checkpoint, const char *name) {
  if (!checkpoint->by_name) return NULL;
  const NamedTensor **found = bsearch(name, checkpoint->by_name, checkpoint->tensors.count,
                                      sizeof *found, compare_name_with_tensor);
  return found ? &(*found)->tensor : NULL;
}

const char *checkpoint_text(const Checkpoint *checkpoint, const char *key) {
  for (size_t i = 0; i < checkpoint->texts.count; i++)
    if (strcmp(checkpoint->texts.items[i].key, key) == 0) return checkpoint->texts.items[i].value;
  return NULL;
}

int64_t checkpoint_tensor_bytes(const Tensor *tensor) {
  int64_t bytes = 0;
  return dtype_bytes(tensor->dtype, tensor_elements(tensor), &bytes) ? bytes : 0;
}

int64_t checkpoint_bytes(const Checkpoint *checkpoint) {
  int64_t bytes = 0;
  for (size_t i = 0; i < checkpoint->tensors.count; i++)
    bytes += checkpoint_tensor_bytes(&checkpoint->tensors.items[i].tensor);
  return bytes;
}

void checkpoint_release(const Checkpoint *checkpoint, const Tensor *tensor) {
  checkpoint_release_bytes(checkpoint, tensor->data, (size_t)checkpoint_tensor_bytes(tensor));
}

// The system maps up to this much around one touched page (a large folio of the page cache on each
// side), and so brings back neighbours that were released before.
enum { MAPPED_AROUND = 2 << 20 };

void checkpoint_release_bytes(const Checkpoint *checkpoint, const void *data, size_t size) {
  for (size_t i = 0; i < checkpoint->maps.count; i++) {
    const FileMap *map = &checkpoint->maps.items[i];
    uintptr_t begin = (uintptr_t)data - (uintptr_t)map->data;
    if (begin > map->size || size > map->size - begin) continue;
    size_t first = begin > MAPPED_AROUND ? begin - MAPPED_AROUND : 0, last = begin + size;
    last = map->size - last > MAPPED_AROUND ? last + MAPPED_AROUND : map->size;
    file_map_release(map, map->data + first, last - first);
  }
}

static Arena *arena_of(Checkpoint *checkpoint) {
  if (!checkpoint->arena) checkpoint->arena = arena_open(0);
  return checkpoint->arena;
}

void checkpoint_add(Checkpoint *checkpoint, Span name, Tensor tensor) {
  const char *copy = arena_copy_bytes(arena_of(checkpoint), name.data, name.size);
  ARRAY_APPEND(&checkpoint->tensors, ((NamedTensor){copy, tensor}));
}

void checkpoint_add_text(Checkpoint *checkpoint, Span key, Span value) {
  Arena *arena = arena_of(checkpoint);
  CheckpointText text = {arena_copy_bytes(arena, key.data, key.size),
                         arena_copy_bytes(arena, value.data, value.size)};
  ARRAY_APPEND(&checkpoint->texts, text);
}

bool checkpoint_map(Checkpoint *checkpoint, const char *path, FileMap *map, Error *error) {
  if (!file_map_open(map, path, error)) return false;
  ARRAY_APPEND(&checkpoint->maps, *map);
  return true;
}

void checkpoint_take_files(Checkpoint *whole, Checkpoint *part) {
  for (size_t i = 0; i < part->maps.count; i++) ARRAY_APPEND(&whole->maps, part->maps.items[i]);
  part->maps.count = 0;
}

const char *checkpoint_keep_text(Checkpoint *checkpoint, const char *text) {
  return arena_copy_text(arena_of(checkpoint), text);
}

static int compare_tensors(const void *a, const void *b) {
  return strcmp((*(const NamedTensor *const *)a)->name, (*(const NamedTensor *const *)b)->name);
}

bool checkpoint_index(Checkpoint *checkpoint, const char *where, Error *error) {
  size_t count = checkpoint->tensors.count;
  memory_free(checkpoint->by_name);
  const NamedTensor **sorted = memory_allocate(count * sizeof *sorted);
  for (size_t i = 0; i < count; i++) sorted[i] = &checkpoint->tensors.items[i];
  if (count) qsort(sorted, count, sizeof *sorted, compare_tensors);
  checkpoint->by_name = sorted;
  for (size_t i = 1; i < count; i++)
    if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
      return error_set(error, ERROR_FORMAT, where, "tensor %s occurs twice, expected unique names",
                       sorted[i]->name);
  return true;
}
