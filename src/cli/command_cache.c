// SPDX-License-Identifier: Apache-2.0
#include "cli/command_cache.h"
#include "base/memory.h"
#include "cli/arguments.h"
#include "cli/cache_print.h"
#include "cli/output.h"
#include <string.h>
#include <time.h>

static const Option output_rows[] = {
    {.flag = "--output-format",
     .kind = OPTION_CHOICE,
     .choices = "table|json",
     .standard = "table",
     .help = "how to print"},
};
static const OptionTable output_options = OPTION_TABLE("Output", output_rows);

static const Option clear_rows[] = {
    {.flag = "--older-than",
     .kind = OPTION_REAL,
     .placeholder = "DAYS",
     .least = 0,
     .most = 36500,
     .help = "with clear: only what was not used for so many days"},
};
static const OptionTable clear_options = OPTION_TABLE("Clear", clear_rows);

enum { DAY = 86400, LEAST_KEY = 4 };

// The command line with what the cache holds.
typedef struct {
  const Arguments *arguments;
  const CodeCache *cache;
  CachedEntry *entries;
  int count;
} Call;

static bool starts(const CachedEntry *entry, const char *key) {
  return strncmp(entry->key, key, strlen(key)) == 0;
}

// The one entry whose key begins so.
static const CachedEntry *find(const Call *call, const char *key, Error *error) {
  const CachedEntry *found = NULL;
  if (strlen(key) < LEAST_KEY) {
    error_set(error, ERROR_ARGUMENT, key, "expected a key, or its first %d characters or more",
              LEAST_KEY);
    return NULL;
  }
  for (int i = 0; i < call->count; i++) {
    if (!starts(&call->entries[i], key)) continue;
    if (found) {
      error_set(error, ERROR_ARGUMENT, key, "several keys begin so, expected more of one");
      return NULL;
    }
    found = &call->entries[i];
  }
  if (!found)
    error_set(error, ERROR_NOT_FOUND, key, "no such entry (attometer cache list names them)");
  return found;
}

static bool as_json(const Call *call) {
  return strcmp(arguments_text(call->arguments, "--output-format"), "json") == 0;
}

static bool list(const Call *call, Error *error) {
  if (arguments_rest_count(call->arguments) > 1)
    return error_set(error, ERROR_ARGUMENT, "cache list", "\"%s\" given, expected nothing more",
                     arguments_rest(call->arguments, 1));
  cache_print_list(call->cache, call->entries, call->count, as_json(call));
  return true;
}

static bool explain(const Call *call, Error *error) {
  if (arguments_rest_count(call->arguments) != 2)
    return error_set(error, ERROR_ARGUMENT, "cache explain", "%zu keys given, expected one",
                     arguments_rest_count(call->arguments) - 1);
  const CachedEntry *entry = find(call, arguments_rest(call->arguments, 1), error);
  if (entry) cache_print_entry(call->cache, entry, as_json(call));
  return entry != NULL;
}

// Whether one of the keys that were given means the entry; without keys all are meant.
static bool is_meant(const Call *call, const CachedEntry *entry) {
  size_t keys = arguments_rest_count(call->arguments);
  for (size_t i = 1; i < keys; i++)
    if (starts(entry, arguments_rest(call->arguments, i))) return true;
  return keys == 1;
}

static bool clear(const Call *call, Error *error) {
  const Arguments *arguments = call->arguments;
  int64_t newest = INT64_MAX;
  int removed = 0;
  for (size_t i = 1; i < arguments_rest_count(arguments); i++)
    if (!find(call, arguments_rest(arguments, i), error)) return false;
  if (arguments_given(arguments, "--older-than"))
    newest = (int64_t)time(NULL) - (int64_t)(arguments_real(arguments, "--older-than") * DAY);
  for (int i = 0; i < call->count; i++) {
    const CachedEntry *entry = &call->entries[i];
    if (entry->used > newest || !is_meant(call, entry)) continue;
    if (!cache_listing_remove(call->cache, entry, error)) return false;
    removed++;
  }
  output_format("removed %d of %d entr%s\n", removed, call->count, call->count == 1 ? "y" : "ies");
  return true;
}

static const struct {
  const char *name;
  bool (*run)(const Call *call, Error *error);
} actions[] = {{"list", list}, {"explain", explain}, {"clear", clear}};

static bool act(const Arguments *arguments, const CodeCache *cache, Error *error) {
  const char *word = arguments_rest_count(arguments) ? arguments_rest(arguments, 0) : NULL;
  if (!word) return error_set(error, ERROR_ARGUMENT, "cache", "expected list, explain or clear");
  for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
    if (strcmp(actions[i].name, word) != 0) continue;
    if (arguments_given(arguments, "--older-than") && actions[i].run != clear)
      return error_set(error, ERROR_ARGUMENT, "--older-than", "given with %s, expected clear",
                       word);
    Call call = {.arguments = arguments, .cache = cache};
    call.count = cache_listing_make(cache, &call.entries);
    bool done = actions[i].run(&call, error);
    memory_free(call.entries);
    return done;
  }
  return error_set(error, ERROR_ARGUMENT, "cache", "\"%s\" given, expected list, explain or clear",
                   word);
}

static bool run(const Arguments *arguments, Error *error) {
  CodeCache *cache = code_cache_open(NULL, CODE_CACHE_STANDARD_BYTES);
  const char *problem = code_cache_problem(cache);
  bool done =
      problem ? error_set(error, ERROR_IO, "cache", "%s", problem) : act(arguments, cache, error);
  code_cache_close(cache);
  return done;
}

const Command command_cache = {
    .name = "cache",
    .summary = "list, explain and clear what compiling keeps",
    .description =
        "Built code and what tuning found fastest are kept in $ATTOMETER_CACHE_DIR, else in "
        "$XDG_CACHE_HOME/attometer/code, else in ~/.cache/attometer/code, and found again by what "
        "they were made from.\n\n"
        "list names the entries, most recently used first, and checks each: one that is not whole "
        "is as good as none, and is made anew when it is asked for. explain says what an entry was "
        "made from; of what tuning found, every candidate with its times and what became of it. "
        "clear removes all entries, or those whose keys (or their beginnings) are given.",
    .arguments = "list | explain KEY | clear [KEY...]",
    .examples = "attometer cache list\n"
                "attometer cache explain 3f2a9c\n"
                "attometer cache clear --older-than 30",
    .tables = {&output_options, &clear_options},
    .run = run,
};
