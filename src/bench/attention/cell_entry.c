// SPDX-License-Identifier: Apache-2.0
#include "bench/attention/cell_entry.h"
#include "bench/attention/pattern.h"
#include <math.h>
#include <string.h>

static json_t *text_or_null(const char *text) {
  json_t *string = text && text[0] ? json_string(text) : NULL;
  return string ? string : json_null();
}

static json_t *bytes_or_null(int64_t bytes) {
  return bytes > 0 && bytes < INT64_MAX ? json_integer(bytes) : json_null();
}

static json_t *config_json(const EntryCell *entry) {
  Error ignored;
  json_t *mod = sweep_pattern_json(&entry->sweep->mods.items[entry->cell->mod], &ignored);
  json_t *config = sweep_cell_json(entry->sweep, entry->cell, mod ? mod : json_null());
  json_object_set_new(config, "kv_size",
                      entry->cell->kv_size ? json_integer(entry->cell->kv_size) : json_null());
  json_decref(mod);
  return config;
}

static json_t *memory_json(const EntryCell *entry, const json_t *answer) {
  const Prediction *prediction = entry->prediction;
  json_t *peak = json_object_get(answer, "peak_bytes");
  return json_pack("{s:o, s:o, s:o}", "predicted_bytes",
                   prediction ? bytes_or_null(prediction->bytes) : json_null(), "available_bytes",
                   prediction ? bytes_or_null(prediction->available) : json_null(),
                   "peak_rss_bytes", peak ? json_incref(peak) : json_null());
}

// What every entry has.
static json_t *account(const EntryCell *entry, const char *status, const char *reason,
                       const json_t *answer) {
  char label[160];
  const ModShape *shape = &entry->cell->shape;
  return json_pack("{s:s, s:o, s:i, s:s, s:o, s:[I, I, I, I, I, I], s:o}", "status", status,
                   "reason", text_or_null(reason), "index", (int)entry->index, "label",
                   sweep_cell_label(entry->sweep, entry->cell, label, sizeof label), "config",
                   config_json(entry), "shape", (json_int_t)shape->batch, (json_int_t)shape->heads,
                   (json_int_t)shape->queries, (json_int_t)shape->kv_heads, (json_int_t)shape->keys,
                   (json_int_t)shape->head_dim, "memory", memory_json(entry, answer));
}

static json_t *absent_backend(const PredictedBackend *predicted, bool crashed) {
  char reason[800];
  error_text(&predicted->refused, reason, sizeof reason);
  return json_pack("{s:s, s:s, s:o, s:n, s:n, s:n, s:n, s:n, s:n, s:n}", "name",
                   predicted->backend->name, "status", crashed ? "failed" : "skipped", "reason",
                   text_or_null(reason), "prepare_ns", "mask", "code", "tuning", "correctness",
                   "forward", "backward");
}

static json_t *find_backend(const json_t *answer, const char *name) {
  size_t i;
  json_t *backend, *list = json_object_get(answer, "backends");
  json_array_foreach(list, i, backend) {
    const char *found = json_string_value(json_object_get(backend, "name"));
    if (found && strcmp(found, name) == 0) return backend;
  }
  return NULL;
}

// All that were asked for, in their order: measured ones out of the answer, the others with why.
// NULL: the answer lacks one that was to be measured.
static json_t *backends_json(const EntryCell *entry, const json_t *answer) {
  const Prediction *prediction = entry->prediction;
  json_t *list = json_array();
  for (int i = 0; prediction && i < prediction->count; i++) {
    const PredictedBackend *predicted = &prediction->backend[i];
    bool asked = predicted->refused.code == ERROR_NONE;
    json_t *found = asked ? find_backend(answer, predicted->backend->name) : NULL;
    if (found) {
      json_array_append(list, found);
    } else if (asked && answer) {
      json_decref(list);
      return NULL;
    } else if (!asked) {
      json_array_append_new(list, absent_backend(predicted, entry->crashed[i]));
    }
  }
  return list;
}

json_t *cell_entry_measured(const EntryCell *entry, const json_t *answer, const json_t *before,
                            const json_t *after, Error *error) {
  static const char *const parts[] = {"pairs", "blocks", "work", "ceilings", "usage"};
  json_t *backends = backends_json(entry, answer);
  for (size_t i = 0; i < COUNT_OF(parts); i++)
    if (!backends || !json_is_object(json_object_get(answer, parts[i]))) {
      json_decref(backends);
      error_set(error, ERROR_CHILD, NULL, "its process answered without %s",
                backends ? parts[i] : "one of its back ends");
      return NULL;
    }
  json_t *json = account(entry, "measured", NULL, answer);
  for (size_t i = 0; i < COUNT_OF(parts); i++)
    json_object_set(json, parts[i], json_object_get(answer, parts[i]));
  json_object_set_new(json, "backends", backends);
  json_object_set(json, "allocations", json_object_get(answer, "allocations"));
  json_object_set_new(json, "trust", json_pack("{s:O, s:O}", "before", before, "after", after));
  return json;
}

json_t *cell_entry_absent(const EntryCell *entry, const char *status, const char *reason) {
  json_t *json = account(entry, status, reason, NULL);
  json_object_set_new(json, "backends", backends_json(entry, NULL));
  return json;
}

static bool is_invalid(const json_t *backend) {
  const char *verdict =
      json_string_value(json_object_get(json_object_get(backend, "correctness"), "verdict"));
  return verdict && strcmp(verdict, "invalid") == 0;
}

bool cell_entry_invalid(const json_t *entry) {
  size_t i;
  json_t *backend;
  json_array_foreach(json_object_get(entry, "backends"), i, backend) {
    if (is_invalid(backend)) return true;
  }
  return false;
}

static void append_time(const json_t *pass, Text *text) {
  const json_t *warm = json_object_get(pass, "warm");
  double ns = json_number_value(json_object_get(warm, "med_ns"));
  if (!json_is_object(warm)) return;
  if (ns >= 1e9)
    text_append_format(text, " %.3g s", ns * 1e-9);
  else if (ns >= 1e6)
    text_append_format(text, " %.3g ms", ns * 1e-6);
  else
    text_append_format(text, " %.3g us", ns * 1e-3);
}

static bool is_interpreted(const json_t *backend) {
  const char *state = json_string_value(json_object_get(json_object_get(backend, "code"), "state"));
  return state && strcmp(state, "interpreted") == 0;
}

void cell_entry_tell(const json_t *entry, Text *text) {
  size_t i;
  const char *comma = "";
  json_t *backend;
  json_array_foreach(json_object_get(entry, "backends"), i, backend) {
    const char *status = json_string_value(json_object_get(backend, "status"));
    if (!status || strcmp(status, "skipped") == 0) continue;
    text_append_format(text, "%s%s", comma, json_string_value(json_object_get(backend, "name")));
    if (is_interpreted(backend)) text_append_text(text, " (interpreted)");
    append_time(json_object_get(backend, "forward"), text);
    if (json_is_object(json_object_get(backend, "backward"))) text_append_text(text, " +");
    append_time(json_object_get(backend, "backward"), text);
    if (strcmp(status, "failed") == 0) text_append_text(text, " failed");
    if (is_invalid(backend)) text_append_text(text, " INVALID");
    comma = ", ";
  }
}
