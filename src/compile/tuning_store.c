// SPDX-License-Identifier: Apache-2.0
#include "compile/tuning_store.h"
#include "base/clock.h"
#include "base/document.h"
#include "base/file.h"
#include "base/memory.h"
#include "compile/code_cache_files.h"
#include "device/host.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { RECORD_LIMIT = 32 << 10 };

bool tuning_store_key(const char *what, char key[SHA256_HEX_SIZE], Error *error) {
  Host host;
  struct stat self = {0};
  Text whole = {0};
  (void)stat("/proc/self/exe", &self);
  host_read("", &host);
  text_append_format(&whole, "%s\n%" PRId64 " %" PRId64 ".%09ld\n%s", host.processor,
                     (int64_t)self.st_size, (int64_t)self.st_mtim.tv_sec, self.st_mtim.tv_nsec,
                     what);
  host_free(&host);
  bool done = sha256_bytes(whole.data, whole.size, key, error);
  text_free(&whole);
  return done;
}

static json_t *candidate_json(const TuningCandidate *candidate) {
  return json_pack("{s:s, s:I, s:i, s:f, s:f, s:f}", "name", candidate->name, "median_ns",
                   (json_int_t)candidate->median_ns, "count", candidate->count, "ratio",
                   candidate->ratio, "low", candidate->low, "high", candidate->high);
}

json_t *tuning_record_json(const TuningRecord *record) {
  json_t *candidates = json_array();
  for (int i = 0; i < record->count; i++)
    json_array_append_new(candidates, candidate_json(&record->candidates[i]));
  return json_pack("{s:s, s:s, s:s, s:I, s:s, s:o}", "label", record->label, "processor",
                   record->processor, "created", record->created, "tuning_ns",
                   (json_int_t)record->tuning_ns, "winner", record->candidates[record->winner].name,
                   "candidates", candidates);
}

static bool copy_text(const Field *object, const char *key, char *out, size_t size) {
  Field field = field_get(object, key);
  const char *text;
  Error ignored;
  return field_text(&field, &text, &ignored) && (size_t)snprintf(out, size, "%s", text) < size;
}

static bool read_number(const Field *object, const char *key, double *out) {
  Field field = field_get(object, key);
  Error ignored;
  return field_number_in(&field, 0, 1e9, out, &ignored);
}

static bool read_candidate(const Field *field, TuningCandidate *out) {
  Field median = field_get(field, "median_ns"), count = field_get(field, "count");
  int64_t calls = 0;
  Error ignored;
  bool done = copy_text(field, "name", out->name, sizeof out->name) &&
              field_integer(&median, 1, INT64_MAX, &out->median_ns, &ignored) &&
              field_integer(&count, 1, INT32_MAX, &calls, &ignored) &&
              read_number(field, "ratio", &out->ratio) && read_number(field, "low", &out->low) &&
              read_number(field, "high", &out->high);
  out->count = (int)calls;
  return done;
}

static bool read_record(const Field *root, TuningRecord *record) {
  char winner[TUNING_NAME];
  Field list = field_get(root, "candidates"), took = field_get(root, "tuning_ns");
  size_t count = field_count(&list);
  Error ignored;
  *record = (TuningRecord){.winner = -1};
  if (count == 0 || count > TUNING_MOST_CANDIDATES ||
      !copy_text(root, "label", record->label, sizeof record->label) ||
      !copy_text(root, "processor", record->processor, sizeof record->processor) ||
      !copy_text(root, "created", record->created, sizeof record->created) ||
      !copy_text(root, "winner", winner, sizeof winner) ||
      !field_integer(&took, 0, INT64_MAX, &record->tuning_ns, &ignored))
    return false;
  for (size_t i = 0; i < count; i++) {
    Field candidate = field_at(&list, i);
    if (!read_candidate(&candidate, &record->candidates[i])) return false;
    if (strcmp(record->candidates[i].name, winner) == 0) record->winner = (int)i;
  }
  record->count = (int)count;
  return record->winner >= 0;
}

void tuning_record_stamp(TuningRecord *record) {
  Host host;
  host_read("", &host);
  snprintf(record->processor, sizeof record->processor, "%s", host.processor);
  host_free(&host);
  clock_iso8601(record->created, sizeof record->created);
}

bool tuning_store_read(const CodeCache *cache, const char *key, TuningRecord *record) {
  if (code_cache_problem(cache)) return false;
  char *path = code_cache_path(code_cache_folder(cache), key, "tuned");
  Text text = {0};
  Error ignored;
  json_t *root = code_cache_read(path, RECORD_LIMIT, &text)
                     ? document_parse(text.data, text.size, path, &ignored)
                     : NULL;
  Field field = field_root(root, path);
  bool done = root && read_record(&field, record);
  json_decref(root);
  text_free(&text);
  memory_free(path);
  return done;
}

bool tuning_store_find(const CodeCache *cache, const char *key, TuningRecord *record) {
  if (!tuning_store_read(cache, key, record)) return false;
  char *path = code_cache_path(code_cache_folder(cache), key, "tuned");
  utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW); // the time of its last use
  memory_free(path);
  return true;
}

bool tuning_store_put(const CodeCache *cache, const char *key, const TuningRecord *record) {
  if (code_cache_problem(cache)) return false;
  char *path = code_cache_path(code_cache_folder(cache), key, "tuned");
  json_t *root = tuning_record_json(record);
  char *text = json_dumps(root, JSON_INDENT(2));
  Error ignored;
  bool done = text && file_write_atomically(path, text, strlen(text), &ignored);
  free(text);
  json_decref(root);
  memory_free(path);
  return done;
}
