// SPDX-License-Identifier: Apache-2.0
#include "bench/result_files.h"
#include "base/file.h"
#include "bench/results.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILES_READ = 8 };

static bool is_result_of(const char *name, const char *prefix) {
  size_t length = strlen(name), start = strlen(prefix);
  return length > start + 5 && strncmp(name, prefix, start) == 0 &&
         strcmp(name + length - 5, ".json") == 0;
}

static int newest_first(const void *left, const void *right) {
  return strcmp(*(char *const *)right, *(char *const *)left);
}

FileNames result_files_list(const char *folder, const char *prefix) {
  FileNames names = {0};
  DIR *directory = opendir(folder);
  if (!directory) return names;
  for (struct dirent *entry; (entry = readdir(directory));)
    if (is_result_of(entry->d_name, prefix)) ARRAY_APPEND(&names, memory_copy_text(entry->d_name));
  closedir(directory);
  if (names.count) qsort(names.items, names.count, sizeof *names.items, newest_first);
  return names;
}

void result_files_free(FileNames *names) {
  for (size_t i = 0; i < names->count; i++) memory_free(names->items[i]);
  ARRAY_FREE(names);
}

// Those of one file that are not known yet.
static void collect(json_t *earlier, json_t *document) {
  const char *hash;
  json_t *entry;
  json_object_foreach(document, hash, entry) {
    const json_t *ours = json_object_get(entry, "attometer");
    const char *status = json_string_value(json_object_get(ours, "status"));
    json_t *plan = json_object_get(ours, "plan");
    if (!status || strcmp(status, "measured") != 0 || !json_is_object(plan)) continue;
    if (json_object_get(earlier, hash)) continue;
    json_object_set_new(earlier, hash, json_pack("{s:s, s:O}", "status", status, "plan", plan));
  }
}

json_t *result_files_earlier(const char *output_dir, const char *model) {
  char name[200], prefix[300];
  json_t *earlier = json_object();
  char *folder = path_join(output_dir, results_model_name(model, name, sizeof name));
  snprintf(prefix, sizeof prefix, "%s_benchmark_", name);
  FileNames names = result_files_list(folder, prefix);
  for (size_t i = 0; i < names.count && i < FILES_READ; i++) {
    Error ignored;
    char *path = path_join(folder, names.items[i]);
    json_t *document = document_read(path, RESULT_FILE_LIMIT, &ignored);
    if (json_is_object(document)) collect(earlier, document);
    json_decref(document);
    memory_free(path);
  }
  result_files_free(&names);
  memory_free(folder);
  return earlier;
}
