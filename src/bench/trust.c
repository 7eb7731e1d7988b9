// SPDX-License-Identifier: Apache-2.0
#include "bench/trust.h"
#include "base/array.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/sha256.h"
#include "device/host.h"
#include "device/host_document.h"
#include <dirent.h>
#include <gnu/libc-version.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef ARRAY_OF(char *) Names;

static bool ends_with(const char *name, const char *ending) {
  size_t length = strlen(name), tail = strlen(ending);
  return length >= tail && strcmp(name + length - tail, ending) == 0;
}

static int compare_names(const void *left, const void *right) {
  return strcmp(*(char *const *)left, *(char *const *)right);
}

// The files of a model folder that decide what is computed.
static Names model_files(const char *folder) {
  Names names = {0};
  DIR *directory = opendir(folder);
  if (!directory) return names;
  for (struct dirent *entry; (entry = readdir(directory));)
    if (ends_with(entry->d_name, ".json") || ends_with(entry->d_name, ".safetensors"))
      ARRAY_APPEND(&names, memory_copy_text(entry->d_name));
  closedir(directory);
  if (names.count) qsort(names.items, names.count, sizeof *names.items, compare_names);
  return names;
}

static bool add_file(json_t *files, const char *path, const char *name, Error *error) {
  char hex[SHA256_HEX_SIZE];
  struct stat status;
  if (!sha256_file(path, hex, error)) return false;
  int64_t bytes = stat(path, &status) == 0 ? status.st_size : 0;
  json_t *text = json_string(name);
  json_array_append_new(files, json_pack("{s:o, s:I, s:s}", "name", text ? text : json_null(),
                                         "bytes", (json_int_t)bytes, "sha256", hex));
  return true;
}

static bool add_folder(json_t *files, const char *folder, Error *error) {
  Names names = model_files(folder);
  bool done = true;
  for (size_t i = 0; i < names.count; i++) {
    char *path = path_join(folder, names.items[i]);
    done = done && (folder_exists(path) || add_file(files, path, names.items[i], error));
    memory_free(path);
    memory_free(names.items[i]);
  }
  ARRAY_FREE(&names);
  return done;
}

static json_t *hash_model(const char *model, Error *error) {
  json_t *files = json_array();
  const char *slash = strrchr(model, '/');
  bool done = true;
  if (folder_exists(model))
    done = add_folder(files, model, error);
  else if (file_exists(model))
    done = add_file(files, model, slash ? slash + 1 : model, error);
  if (done) return files;
  json_decref(files);
  return NULL;
}

static json_t *text_or_null(const char *text) {
  json_t *string = text[0] ? json_string(text) : NULL;
  return string ? string : json_null();
}

static json_t *machine(void) {
  Host host;
  host_read("", &host);
  json_t *document = host_document(&host);
  host_free(&host);
  return document;
}

json_t *trust_of_run(const char *model, const Repository *repository, Error *error) {
  json_t *files = hash_model(model, error);
  if (!files) return NULL;
  json_t *versions = json_pack("{s:s, s:s, s:s}", "attometer", ATTOMETER_VERSION, "compiler",
                               __VERSION__, "libc", gnu_get_libc_version());
  return json_pack("{s:o, s:o, s:o, s:o, s:o}", "versions", versions, "commit",
                   text_or_null(repository->commit), "dirty",
                   repository->dirty < 0 ? json_null() : json_boolean(repository->dirty),
                   "model_files", files, "machine", machine());
}

json_t *trust_of_moment(const char *root) {
  Host host;
  host_read(root, &host);
  json_t *moment = json_pack(
      "{s:o, s:I, s:o, s:o, s:o, s:o, s:o}", "clock_source", text_or_null(host.clock_source),
      "clock_resolution_ns", (json_int_t)clock_resolution(), "frequency_mhz",
      host.frequency_mhz > 0 ? json_real(host.frequency_mhz) : json_null(), "frequency_source",
      text_or_null(host.frequency_source), "governor", text_or_null(host.governor),
      "throttle_count", host.throttle_count < 0 ? json_null() : json_integer(host.throttle_count),
      "load_average", host.load_average < 0 ? json_null() : json_real(host.load_average));
  host_free(&host);
  return moment;
}

// Throttled: whether the processor's own counter rose; null where it has none.
static json_t *throttled(const json_t *before, const json_t *after) {
  const json_t *first = json_object_get(before, "throttle_count");
  const json_t *last = json_object_get(after, "throttle_count");
  if (!json_is_integer(first) || !json_is_integer(last)) return json_null();
  return json_boolean(json_integer_value(last) > json_integer_value(first));
}

static json_t *number_or_null(double value) {
  return isfinite(value) ? json_real(value) : json_null();
}

json_t *trust_report(const json_t *run, const json_t *before, const json_t *after,
                     const json_t *usage, const json_t *allocations, const Sample *latency) {
  json_t *report = json_deep_copy(run);
  json_object_set(report, "before", (json_t *)before);
  json_object_set(report, "after", (json_t *)after);
  json_object_set_new(report, "throttled", throttled(before, after));
  json_object_set_new(report, "measured_runs", json_deep_copy(usage));
  json_object_set_new(report, "heap_allocations", json_deep_copy(allocations));
  json_object_set_new(report, "noise", number_or_null(sample_noise(latency)));
  json_object_set_new(report, "samples", json_integer((json_int_t)latency->count));
  return report;
}
