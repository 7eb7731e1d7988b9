// SPDX-License-Identifier: Apache-2.0
#include "model/model_files.h"
#include "base/array.h"
#include "base/file.h"
#include "model/presets.h"
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef ARRAY_OF(ModelFile) FileArray;

static bool ends_with(const char *name, const char *ending) {
  size_t size = strlen(name), expected = strlen(ending);
  return size >= expected && strcmp(name + size - expected, ending) == 0;
}

static bool belongs_to_folder(const char *name) {
  return ends_with(name, ".json") ||
         (strncmp(name, "model", 5) == 0 && ends_with(name, ".safetensors"));
}

// "name-00001-of-00003.gguf": the other parts differ from the first in its five digits alone.
static bool belongs_to_gguf(const char *name, const char *first) {
  enum { TAIL = sizeof "-00001-of-00003.gguf" - 1, DIGITS = 5 };
  if (strcmp(name, first) == 0) return true;
  size_t size = strlen(first);
  if (size < TAIL || strlen(name) != size) return false;
  size_t number = size - TAIL + 1, rest = number + DIGITS;
  return strncmp(first + number - 1, "-00001-of-", 10) == 0 && strncmp(name, first, number) == 0 &&
         strcmp(name + rest, first + rest) == 0;
}

static void add_file(FileArray *array, const char *folder, const char *name, Arena *arena) {
  char *path = path_join(folder, name);
  struct stat status;
  if (stat(path, &status) == 0 && S_ISREG(status.st_mode)) {
    const char *kept = arena_copy_text(arena, path);
    ARRAY_APPEND(array, ((ModelFile){.path = kept,
                                     .name = kept + strlen(kept) - strlen(name),
                                     .bytes = status.st_size}));
  }
  memory_free(path);
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const ModelFile *)a)->name, ((const ModelFile *)b)->name);
}

static bool list_folder(FileArray *array, const char *folder, const char *gguf, Arena *arena,
                        Error *error) {
  DIR *directory = opendir(folder);
  if (!directory) return error_set_errno(error, folder, "cannot list");
  for (struct dirent *item; (item = readdir(directory));)
    if (gguf ? belongs_to_gguf(item->d_name, gguf) : belongs_to_folder(item->d_name))
      add_file(array, folder, item->d_name, arena);
  closedir(directory);
  return true;
}

static bool list_gguf(FileArray *array, const char *path, Arena *arena, Error *error) {
  const char *slash = strrchr(path, '/');
  if (!slash) return list_folder(array, ".", path, arena, error);
  char *folder = arena_copy_bytes(arena, path, slash == path ? 1 : (size_t)(slash - path));
  return list_folder(array, folder, slash + 1, arena, error);
}

bool model_files_list(ModelFiles *files, const char *path, Arena *arena, Error *error) {
  *files = (ModelFiles){0};
  if (preset_of_path(path)) return true;
  FileArray array = {0};
  bool listed = folder_exists(path) ? list_folder(&array, path, NULL, arena, error)
                                    : list_gguf(&array, path, arena, error);
  if (listed && array.count > 0) {
    qsort(array.items, array.count, sizeof *array.items, by_name);
    files->count = array.count;
    files->files = arena_take(arena, array.count * sizeof *array.items);
    memcpy(files->files, array.items, array.count * sizeof *array.items);
  }
  ARRAY_FREE(&array);
  return listed &&
         (files->count > 0 || error_set(error, ERROR_NOT_FOUND, path, "holds no files of a model"));
}

bool model_files_hash(ModelFiles *files, Error *error) {
  for (size_t i = 0; i < files->count; i++)
    if (!sha256_file(files->files[i].path, files->files[i].sha256, error)) return false;
  return true;
}
