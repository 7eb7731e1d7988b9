// SPDX-License-Identifier: Apache-2.0
#include "bench/results.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/python_json.h"
#include "bench/result_files.h"
#include <stdio.h>
#include <string.h>

struct Results {
  char *path;
  json_t *document; // object keyed by hash
};

// A path of this machine says nothing in a file name but its last part; org/name keeps both.
static bool is_path(const char *model) {
  return model[0] == '/' || model[0] == '.' || model[0] == '~' || folder_exists(model) ||
         file_exists(model);
}

char *results_model_name(const char *model, char *buffer, size_t size) {
  size_t length = strlen(model);
  while (length > 1 && model[length - 1] == '/') length--;
  const char *start = model;
  if (is_path(model))
    for (size_t i = 0; i + 1 < length; i++)
      if (model[i] == '/') start = model + i + 1;
  snprintf(buffer, size, "%.*s", (int)(length - (size_t)(start - model)), start);
  for (char *at = buffer; *at; at++)
    if (*at == '/' || (unsigned char)*at < ' ') *at = '_';
  if (buffer[0] == '.' || buffer[0] == '\0') snprintf(buffer, size, "model");
  return buffer;
}

static bool save(const Results *results, Error *error) {
  Text text = {0};
  python_json_append(&text, results->document, PYTHON_JSON_INDENT);
  text_append_character(&text, '\n');
  bool done = file_write_atomically(results->path, text.data, text.size, error);
  text_free(&text);
  return done;
}

// The newest result file of the folder; NULL: none. Caller frees.
static char *newest(const char *folder, const char *prefix) {
  FileNames names = result_files_list(folder, prefix);
  char *found = names.count ? memory_copy_text(names.items[0]) : NULL;
  result_files_free(&names);
  return found;
}

// A name that no file has yet: two runs in one second do not meet.
static char *fresh_path(const char *folder, const char *prefix) {
  char stamp[32], name[400];
  clock_file_stamp(stamp, sizeof stamp);
  snprintf(name, sizeof name, "%s%s.json", prefix, stamp);
  char *path = path_join(folder, name);
  for (int i = 2; file_exists(path) && i < 1000; i++) {
    memory_free(path);
    snprintf(name, sizeof name, "%s%s_%d.json", prefix, stamp, i);
    path = path_join(folder, name);
  }
  return path;
}

static bool load(Results *results, Error *error) {
  results->document = document_read(results->path, RESULT_FILE_LIMIT, error);
  if (!results->document) return false;
  Field field = field_root(results->document, results->path);
  return field_object(&field, error);
}

static bool open_in(Results *results, const char *folder, const char *name, bool resume,
                    Error *error) {
  char prefix[300];
  snprintf(prefix, sizeof prefix, "%s_benchmark_", name);
  if (!folder_make(folder, error)) return false;
  char *existing = resume ? newest(folder, prefix) : NULL;
  if (existing) {
    results->path = path_join(folder, existing);
    memory_free(existing);
    if (!load(results, error)) return false;
  } else {
    results->path = fresh_path(folder, prefix);
    results->document = json_object();
  }
  return save(results, error);
}

Results *results_open(const char *output_dir, const char *model, bool resume, Error *error) {
  char name[200];
  Results *results = memory_allocate(sizeof *results);
  char *folder = path_join(output_dir, results_model_name(model, name, sizeof name));
  bool done = open_in(results, folder, name, resume, error);
  memory_free(folder);
  if (done) return results;
  results_close(results);
  return NULL;
}

void results_close(Results *results) {
  if (!results) return;
  json_decref(results->document);
  memory_free(results->path);
  memory_free(results);
}

void results_set(Results *results, const char *hash, json_t *entry) {
  json_object_set_new(results->document, hash, entry);
}

bool results_put(Results *results, const char *hash, json_t *entry, Error *error) {
  results_set(results, hash, entry);
  return save(results, error);
}

const json_t *results_find(const Results *results, const char *hash) {
  return json_object_get(results->document, hash);
}

const json_t *results_document(const Results *results) {
  return results->document;
}

const char *results_path(const Results *results) {
  return results->path;
}
