// SPDX-License-Identifier: Apache-2.0
#include "report/label.h"
#include <string.h>

// field of the effective scenario, what stands before its value in a label, whether it is a switch
// (its name stands for it when it is on), and its words in the common part: "%s" is the value.
static const struct {
  const char *key, *prefix;
  bool is_switch;
  const char *common;
} fields[] = {
    {"sdpa_backend", "", false, "sdpa back end %s"},
    {"dtype", "", false, "%s"},
    {"batch_size", "b", false, "batch %s"},
    {"depth", "d", false, "depth %s"},
    {"sequence_length", "s", false, "prompts of %s tokens"},
    {"num_tokens_to_generate", "n", false, "%s new tokens"},
    {"compile_kwargs", "", false, "compiled %s"},
    {"kernelize", "kernelized", true, "kernelized"},
    {"continuous_batching", "cb", true, "continuous batching"},
    {"device", "", false, NULL},
    {"threads", "t", false, "threads %s"},
    {"cpu_mask", "", false, "cpu mask %s"},
    {"warmup_iterations", "w", false, "%s warmup"},
    {"measurement_iterations", "i", false, "%s iterations"},
    {"gpu_monitoring", "monitored", true, NULL},
};

static const json_t *value_of(const Row *row, size_t field) {
  const json_t *value = json_object_get(row->effective, fields[field].key);
  if (json_is_object(value)) value = json_object_get(value, "mode"); // compile_kwargs
  if (strcmp(fields[field].key, "depth") == 0 && json_integer_value(value) == 0) return NULL;
  return value;
}

// Measured runs went on until they were precise: their number is the least.
static bool is_least(const Row *row, size_t field) {
  const json_t *ours = json_object_get(row->entry, "attometer");
  return strcmp(fields[field].key, "measurement_iterations") == 0 &&
         json_is_object(json_object_get(ours, "precision"));
}

// The value as text; "" for null, absent, or a switch that is off.
static void value_text(const Row *row, size_t field, char *buffer, size_t size) {
  const json_t *value = value_of(row, field);
  buffer[0] = '\0';
  if (json_is_string(value)) snprintf(buffer, size, "%s", json_string_value(value));
  if (json_is_integer(value))
    snprintf(buffer, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
  if (json_is_true(value)) snprintf(buffer, size, "%s", fields[field].prefix);
  if (is_least(row, field)) snprintf(buffer + strlen(buffer), size - strlen(buffer), "+");
}

static bool differs(const Report *report, size_t field) {
  char first[64], other[64];
  for (size_t i = 0; i < report->rows.count; i++) {
    value_text(&report->rows.items[0], field, first, sizeof first);
    value_text(&report->rows.items[i], field, other, sizeof other);
    if (strcmp(first, other) != 0) return true;
  }
  return false;
}

static char *label_of(const Report *report, const Row *row) {
  Text label = {0};
  const char *attention = json_string_value(json_object_get(row->effective, "attn_implementation"));
  text_append_text(&label, attention ? attention : row->name);
  for (size_t i = 0; i < COUNT_OF(fields); i++) {
    char value[64];
    value_text(row, i, value, sizeof value);
    if (!value[0] || !differs(report, i)) continue;
    text_append_format(&label, " %s%s", fields[i].is_switch ? "" : fields[i].prefix, value);
  }
  return label.data;
}

void label_rows(Report *report) {
  for (size_t i = 0; i < report->rows.count; i++)
    report->rows.items[i].label = label_of(report, &report->rows.items[i]);
}

void label_common(const Report *report, Text *text) {
  bool first = true;
  for (size_t i = 0; report->rows.count && i < COUNT_OF(fields); i++) {
    char value[64];
    value_text(&report->rows.items[0], i, value, sizeof value);
    if (!fields[i].common || !value[0] || differs(report, i)) continue;
    const char *mark = strstr(fields[i].common, "%s");
    if (!first) text_append_text(text, ", ");
    first = false;
    if (!mark) {
      text_append_text(text, fields[i].common);
      continue;
    }
    text_append(text, fields[i].common, (size_t)(mark - fields[i].common));
    text_append_text(text, value);
    text_append_text(text, mark + 2);
  }
}

static json_int_t count_of(const Row *row, const char *key) {
  return json_integer_value(json_object_get(row->effective, key));
}

bool label_same_work(const Row *a, const Row *b) {
  static const char *const keys[] = {"batch_size", "depth", "sequence_length",
                                     "num_tokens_to_generate"};
  for (size_t i = 0; i < COUNT_OF(keys); i++)
    if (count_of(a, keys[i]) != count_of(b, keys[i])) return false;
  return true;
}

void label_work(const Row *row, Text *text) {
  text_append_format(text, "batch %lld, %lld + %lld tokens", (long long)count_of(row, "batch_size"),
                     (long long)count_of(row, "sequence_length"),
                     (long long)count_of(row, "num_tokens_to_generate"));
}
