// SPDX-License-Identifier: Apache-2.0
#include "bench/attention/config_value.h"
#include "attention/backend.h"
#include "base/suggestion.h"
#include "bench/attention/sweep.h"
#include <stdlib.h>
#include <string.h>

// Of one value as its kind asks; `out` is the field of the sweep.
typedef struct {
  AttentionSweep *sweep;
  const char *folder;
  const YamlPlaces *places;
} Target;

typedef bool Reading(const Target *target, const Field *field, void *out, Error *error);

static bool read_switch(const Target *target, const Field *field, void *out, Error *error) {
  (void)target;
  return field_boolean_or(field, out, error);
}

static bool read_count(const Target *target, const Field *field, void *out, Error *error) {
  (void)target;
  return field_integer_or(field, 0, INT64_MAX / 2, out, error);
}

static bool read_seconds(const Target *target, const Field *field, void *out, Error *error) {
  (void)target;
  return !field_present(field) || field_number_in(field, 0, 1e9, out, error);
}

bool sweep_bytes_parse(const char *text, int64_t *bytes) {
  static const char units[] = "KMGT";
  char *end;
  if (text[0] < '0' || text[0] > '9') return false;
  long long count = strtoll(text, &end, 10);
  const char *unit = *end ? strchr(units, *end) : NULL;
  if (*end && (!unit || end[1])) return false;
  int shift = unit ? 10 * (int)(unit - units + 1) : 0;
  if (count > INT64_MAX / 2 >> shift) return false;
  *bytes = (int64_t)count << shift;
  return true;
}

static bool read_bytes(const Target *target, const Field *field, void *out, Error *error) {
  const char *text;
  if (!json_is_string(field->value)) return read_count(target, field, out, error);
  if (!field_text(field, &text, error)) return false;
  if (sweep_bytes_parse(text, out)) return true;
  return error_set(error, ERROR_FORMAT, field->path,
                   "is \"%.40s\", expected bytes, or a number with K, M, G or T", text);
}

static bool read_text(const Target *target, const Field *field, void *out, Error *error) {
  const char *text = NULL;
  if (!field_text_or(field, &text, error)) return false;
  *(const char **)out = text && text[0] ? arena_copy_text(target->sweep->arena, text) : NULL;
  return true;
}

static bool read_dtype(const Target *target, const Field *field, void *out, Error *error) {
  (void)target;
  const char *name;
  Dtype dtype;
  if (!field_present(field)) return true;
  if (!field_text(field, &name, error)) return false;
  if (!dtype_by_name(name, &dtype) || !dtype_is_compute(dtype))
    return error_set(error, ERROR_FORMAT, field->path,
                     "is \"%.40s\", expected bfloat16, float16 or float32", name);
  *(Dtype *)out = dtype;
  return true;
}

// An element of a list that may also stand alone: `s: 512` is `s: [512]`.
static size_t element_count(const Field *field) {
  return json_is_array(field->value) ? field_count(field) : 1;
}

static Field element_at(const Field *field, size_t index) {
  return json_is_array(field->value) ? field_at(field, index) : *field;
}

static bool read_counts(const Target *target, const Field *field, void *out, Error *error) {
  (void)target;
  SweepCounts *counts = out, fresh = {0};
  for (size_t i = 0; i < element_count(field); i++) {
    Field element = element_at(field, i);
    int64_t count = 0;
    if (!field_integer(&element, 1, SWEEP_MOST_EXTENT, &count, error)) {
      ARRAY_FREE(&fresh);
      return false;
    }
    ARRAY_APPEND(&fresh, count);
  }
  ARRAY_FREE(counts);
  *counts = fresh;
  return true;
}

static bool read_counts_given(const Target *target, const Field *field, void *out, Error *error) {
  return !field_present(field) || read_counts(target, field, out, error);
}

static bool read_counts_or_null(const Target *target, const Field *field, void *out, Error *error) {
  if (field_present(field)) return read_counts(target, field, out, error);
  ((SweepCounts *)out)->count = 0;
  return true;
}

// "16,2"
static bool parse_heads(const char *text, SweepHeads *heads) {
  char *end;
  if (text[0] < '0' || text[0] > '9') return false;
  heads->heads = strtoll(text, &end, 10);
  if (*end++ != ',') return false;
  while (*end == ' ') end++;
  if (*end < '0' || *end > '9') return false;
  heads->kv_heads = strtoll(end, &end, 10);
  return *end == '\0';
}

static bool read_pair(const Field *field, SweepHeads *heads, Error *error) {
  const char *text;
  if (json_is_array(field->value) && field_count(field) == 2) {
    Field query = field_at(field, 0), key = field_at(field, 1);
    return field_integer(&query, 1, SWEEP_MOST_EXTENT, &heads->heads, error) &&
           field_integer(&key, 1, SWEEP_MOST_EXTENT, &heads->kv_heads, error);
  }
  if (!json_is_string(field->value))
    return error_set(error, ERROR_FORMAT, field->path,
                     "is %s, expected query heads and key/value heads in quotes: \"16,2\"",
                     field_kind(field));
  if (!field_text(field, &text, error)) return false;
  return parse_heads(text, heads) ||
         error_set(error, ERROR_FORMAT, field->path,
                   "is \"%.40s\", expected query heads and key/value heads: \"16,2\"", text);
}

static bool check_pair(const Field *field, const SweepHeads *heads, Error *error) {
  bool fine = heads->heads >= 1 && heads->heads <= SWEEP_MOST_EXTENT && heads->kv_heads >= 1 &&
              heads->heads % heads->kv_heads == 0;
  return fine || error_set(error, ERROR_FORMAT, field->path,
                           "is \"%lld,%lld\", expected query heads that are a multiple of the "
                           "key/value heads",
                           (long long)heads->heads, (long long)heads->kv_heads);
}

static bool read_heads(const Target *target, const Field *field, void *out, Error *error) {
  (void)target;
  SweepHeadPairs *pairs = out, fresh = {0};
  if (!field_present(field)) return true;
  for (size_t i = 0; i < element_count(field); i++) {
    Field element = element_at(field, i);
    SweepHeads heads = {0};
    if (!read_pair(&element, &heads, error) || !check_pair(&element, &heads, error)) {
      ARRAY_FREE(&fresh);
      return false;
    }
    ARRAY_APPEND(&fresh, heads);
  }
  ARRAY_FREE(pairs);
  *pairs = fresh;
  return true;
}

static bool refuse_backend(const Field *field, const char *name, Error *error) {
  Suggestion best = {0};
  Text known = {0};
  for (int i = 0; i < attention_backend_count(); i++) {
    const char *candidate = attention_backend_at(i)->name;
    suggestion_consider(&best, span_of(candidate), span_of(name));
    text_append_format(&known, i ? ", %s" : "%s", candidate);
  }
  if (suggestion_good(&best, span_of(name)))
    error_set(error, ERROR_FORMAT, field->path, "is \"%.40s\": did you mean \"%.*s\"?", name,
              (int)best.name.size, best.name.data);
  else
    error_set(error, ERROR_FORMAT, field->path, "is \"%.40s\", expected one of %s", name,
              text_span(&known).data);
  text_free(&known);
  return false;
}

// The known name itself, so that it needs no copy; NULL: unknown.
static const char *known_backend(const char *name) {
  for (int i = 0; i < attention_backend_count(); i++)
    if (strcmp(attention_backend_at(i)->name, name) == 0) return attention_backend_at(i)->name;
  return NULL;
}

static bool read_backend(const Field *field, const char **name, Error *error) {
  const char *text = NULL;
  if (!field_text(field, &text, error)) return false;
  *name = known_backend(text);
  return *name || refuse_backend(field, text, error);
}

// flex always runs, and nothing runs twice.
static void append_once(SweepNames *names, const char *name) {
  for (size_t i = 0; i < names->count; i++)
    if (strcmp(names->items[i], name) == 0) return;
  if (strcmp(name, "flex") != 0) ARRAY_APPEND(names, name);
}

static bool read_names(const Target *target, const Field *field, void *out, Error *error) {
  (void)target;
  SweepNames *names = out, fresh = {0};
  if (!field_present(field)) return true;
  for (size_t i = 0; i < element_count(field); i++) {
    Field element = element_at(field, i);
    const char *name = "";
    if (!read_backend(&element, &name, error)) {
      ARRAY_FREE(&fresh);
      return false;
    }
    append_once(&fresh, name);
  }
  ARRAY_FREE(names);
  *names = fresh;
  return true;
}

static bool read_mods(const Target *target, const Field *field, void *out, Error *error) {
  (void)out;
  return !field_present(field) ||
         sweep_mods_read(target->sweep, field, target->folder, target->places, error);
}

static Reading *const readings[] = {
    [SWEEP_SWITCH] = read_switch,       [SWEEP_DTYPE] = read_dtype,
    [SWEEP_COUNT] = read_count,         [SWEEP_BYTES] = read_bytes,
    [SWEEP_SECONDS] = read_seconds,     [SWEEP_TEXT] = read_text,
    [SWEEP_COUNTS] = read_counts_given, [SWEEP_COUNTS_OR_NULL] = read_counts_or_null,
    [SWEEP_HEADS] = read_heads,         [SWEEP_NAMES] = read_names,
    [SWEEP_MODS] = read_mods,
};

bool sweep_value_read(AttentionSweep *sweep, const SweepKey *key, const Field *field,
                      const char *folder, const YamlPlaces *places, Error *error) {
  Target target = {sweep, folder, places};
  return readings[key->kind](&target, field, (char *)sweep + key->offset, error);
}
