// SPDX-License-Identifier: Apache-2.0
#include "cli/cache_print.h"
#include "base/text.h"
#include "base/wrap.h"
#include "cli/output.h"
#include "compile/tuner.h"
#include "report/unit.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { COLUMNS = 80, INDENT = 12, LABEL = 37, CELL = 32 };

static const char *bytes_text(int64_t bytes, char cell[CELL]) {
  return unit_text((double)bytes, "bytes", cell, CELL);
}

// "12 s", "5 min", "3 h", "4 d"
static const char *age_text(int64_t since, char cell[CELL]) {
  int64_t seconds = (int64_t)time(NULL) - since;
  if (seconds < 0) seconds = 0;
  if (seconds < 60)
    snprintf(cell, CELL, "%" PRId64 " s", seconds);
  else if (seconds < 3600)
    snprintf(cell, CELL, "%" PRId64 " min", seconds / 60);
  else if (seconds < 48 * 3600)
    snprintf(cell, CELL, "%" PRId64 " h", seconds / 3600);
  else
    snprintf(cell, CELL, "%" PRId64 " d", seconds / 86400);
  return cell;
}

static void print_row(const CachedEntry *entry) {
  char size[CELL], age[CELL], used[CELL], label[LABEL + 1];
  snprintf(label, sizeof label, "%s", entry->label);
  output_format("%-5s %.*s %8s %6s %6s %s\n", cached_kind_name(entry->kind), CACHE_KEY_SHOWN,
                entry->key, bytes_text(entry->bytes, size), age_text(entry->made, age),
                age_text(entry->used, used), entry->whole ? label : "not whole: as good as none");
}

static void print_table(const CodeCache *cache, const CachedEntry *entries, int count) {
  char size[CELL];
  int64_t bytes = 0;
  if (count)
    output_format("%-5s %-*s %8s %6s %6s %s\n", "kind", CACHE_KEY_SHOWN, "key", "size", "age",
                  "used", "what");
  for (int i = 0; i < count; i++) {
    bytes += entries[i].bytes;
    print_row(&entries[i]);
  }
  output_format("%s%d entr%s, %s, in %s\n", count ? "\n" : "", count, count == 1 ? "y" : "ies",
                bytes_text(bytes, size), code_cache_folder(cache));
}

static json_t *time_json(int64_t seconds) {
  char text[CELL];
  time_t time = (time_t)seconds;
  struct tm parts;
  gmtime_r(&time, &parts);
  strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return json_string(text);
}

static json_t *entry_json(const CachedEntry *entry) {
  return json_pack("{s:s, s:s, s:s, s:b, s:I, s:o, s:o}", "kind", cached_kind_name(entry->kind),
                   "key", entry->key, "label", entry->label, "whole", entry->whole, "bytes",
                   (json_int_t)entry->bytes, "created", time_json(entry->made), "used",
                   time_json(entry->used));
}

// Takes the value over.
static void print_json(json_t *value) {
  char *text = json_dumps(value, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
  output_format("%s\n", text);
  free(text);
  json_decref(value);
}

void cache_print_list(const CodeCache *cache, const CachedEntry *entries, int count, bool as_json) {
  if (!as_json) {
    print_table(cache, entries, count);
    return;
  }
  json_t *list = json_array();
  for (int i = 0; i < count; i++) json_array_append_new(list, entry_json(&entries[i]));
  print_json(json_pack("{s:s, s:o}", "folder", code_cache_folder(cache), "entries", list));
}

static void line(const char *name, const char *format, ...) PRINTF_LIKE(2, 3);

static void line(const char *name, const char *format, ...) {
  Text words = {0}, lines = {0};
  va_list arguments;
  text_append_format(&words, "%-*s", INDENT, name);
  va_start(arguments, format);
  text_append_arguments(&words, format, arguments);
  va_end(arguments);
  wrap_append(&lines, words.data, COLUMNS, INDENT);
  output_write(lines.data, lines.size);
  text_free(&words);
  text_free(&lines);
}

static void print_code(const CodeCacheEntry *code) {
  char took[CELL];
  line("compiler", "%s", code->compiler);
  line("flags", "%s", code->flags);
  line("processor", "%s", code->processor);
  line("built", "%s, in %s", code->created,
       unit_text((double)code->build_ns * 1e-9, "seconds", took, CELL));
}

// What the rule of the tuner made of it.
static const char *fate(const TuningRecord *record, int index) {
  const TuningCandidate *candidate = &record->candidates[index];
  if (index == record->winner) return index ? "won" : "stays, nothing was clearly faster";
  if (index == 0) return "what is done without tuning";
  if (candidate->high < 1 - TUNER_EFFECT) return "won, until a later one did";
  if (candidate->low > 1 + TUNER_EFFECT) return "slower";
  return "not clearly faster";
}

static void print_candidate(const TuningRecord *record, int index) {
  const TuningCandidate *candidate = &record->candidates[index];
  char time[CELL];
  output_format("  %s\n    %s, %d calls, ratio %.3f (%.3f to %.3f): %s\n", candidate->name,
                unit_text((double)candidate->median_ns * 1e-9, "seconds", time, CELL),
                candidate->count, candidate->ratio, candidate->low, candidate->high,
                fate(record, index));
}

static void print_tuning(const TuningRecord *record) {
  char took[CELL];
  line("processor", "%s", record->processor);
  line("timed", "%s, in %s", record->created,
       unit_text((double)record->tuning_ns * 1e-9, "seconds", took, CELL));
  line("winner", "%s", record->candidates[record->winner].name);
  output_format("\n");
  line("candidates",
       "in the order of their trial, each in turn with the best before it, the first with itself. "
       "One takes its place where the 95 %% interval of the ratio of their times lies below %.2f, "
       "twice.",
       1 - TUNER_EFFECT);
  for (int i = 0; i < record->count; i++) print_candidate(record, i);
}

static void explain(const CodeCache *cache, const CachedEntry *entry) {
  char size[CELL], made[CELL], used[CELL];
  CodeCacheEntry code;
  TuningRecord record;
  line("key", "%s", entry->key);
  line("kind", "%s", cached_kind_name(entry->kind));
  line("what", "%s", entry->whole ? entry->label : "not whole: it is as good as none");
  line("size", "%s, made %s ago, used %s ago", bytes_text(entry->bytes, size),
       age_text(entry->made, made), age_text(entry->used, used));
  if (entry->kind == CACHED_CODE && code_cache_verify(cache, entry->key, &code)) print_code(&code);
  if (entry->kind == CACHED_TUNING && tuning_store_read(cache, entry->key, &record))
    print_tuning(&record);
}

static json_t *code_json(const CodeCacheEntry *code) {
  return json_pack("{s:s, s:s, s:s, s:I}", "compiler", code->compiler, "flags", code->flags,
                   "processor", code->processor, "build_ns", (json_int_t)code->build_ns);
}

void cache_print_entry(const CodeCache *cache, const CachedEntry *entry, bool as_json) {
  CodeCacheEntry code;
  TuningRecord record;
  if (!as_json) {
    explain(cache, entry);
    return;
  }
  json_t *out = entry_json(entry);
  bool tuned = entry->kind == CACHED_TUNING;
  if (!tuned && code_cache_verify(cache, entry->key, &code))
    json_object_set_new(out, "code", code_json(&code));
  if (tuned && tuning_store_read(cache, entry->key, &record))
    json_object_set_new(out, "tuning", tuning_record_json(&record));
  print_json(out);
}
