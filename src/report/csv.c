// SPDX-License-Identifier: Apache-2.0
#include "base/python_json.h"
#include "report/printers.h"
#include <string.h>

// One column: where its value lies.
typedef struct {
  const char *tag, *key; // of a statistic: its tag and the key in it; of a single number: key NULL
} CsvColumn;
typedef ARRAY_OF(CsvColumn) CsvColumns;

static const char *const scenario_keys[] = {"warmup_iterations",
                                            "measurement_iterations",
                                            "batch_size",
                                            "sequence_length",
                                            "num_tokens_to_generate",
                                            "attn_implementation",
                                            "sdpa_backend",
                                            "kernelize",
                                            "continuous_batching",
                                            "dtype",
                                            "device",
                                            "threads",
                                            "cpu_mask"};
static const char *const statistic_keys[] = {"count", "avg", "std", "min", "med",
                                             "max",   "p50", "p90", "p95", "p99"};

static void append_text(Text *text, const char *content) {
  if (!strpbrk(content, ",\"\r\n")) {
    text_append_text(text, content);
    return;
  }
  text_append_character(text, '"');
  for (; *content; content++) {
    if (*content == '"') text_append_character(text, '"');
    text_append_character(text, *content);
  }
  text_append_character(text, '"');
}

// Numbers unscaled, texts quoted where they must be, null and absent as nothing.
static void append_value(Text *text, const json_t *value) {
  text_append_character(text, ',');
  if (json_is_string(value))
    append_text(text, json_string_value(value));
  else if (value && !json_is_null(value) && !json_is_object(value) && !json_is_array(value))
    python_json_append(text, value, PYTHON_JSON_LINE);
}

static bool has_tag(const CsvColumns *columns, const char *tag) {
  for (size_t i = 0; i < columns->count; i++)
    if (strcmp(columns->items[i].tag, tag) == 0) return true;
  return false;
}

static CsvColumns find_columns(const Report *report) {
  CsvColumns columns = {0};
  for (size_t i = 0; i < report->rows.count; i++) {
    const Row *row = &report->rows.items[i];
    for (size_t j = 0; j < row->cells.count; j++) {
      const Cell *cell = &row->cells.items[j];
      if (has_tag(&columns, cell->tag)) continue;
      for (size_t k = 0; cell->sampled && k < COUNT_OF(statistic_keys); k++)
        ARRAY_APPEND(&columns, ((CsvColumn){cell->tag, statistic_keys[k]}));
      if (!cell->sampled) ARRAY_APPEND(&columns, ((CsvColumn){cell->tag, NULL}));
    }
  }
  return columns;
}

static void append_head(Text *text, const CsvColumns *columns) {
  text_append_text(text, "hash,name,status,correct,error,reason");
  for (size_t i = 0; i < COUNT_OF(scenario_keys); i++)
    text_append_format(text, ",%s", scenario_keys[i]);
  text_append_text(text, ",compile_mode");
  for (size_t i = 0; i < columns->count; i++) {
    const CsvColumn *column = &columns->items[i];
    text_append_format(text, column->key ? ",%s_%s" : ",%s%s", column->tag,
                       column->key ? column->key : "");
  }
  text_append_text(text, "\r\n");
}

static void append_row(Text *text, const CsvColumns *columns, const Row *row) {
  static const char *const states[] = {"measured", "failed", "skipped"};
  const json_t *ours = json_object_get(row->entry, "attometer");
  append_text(text, row->hash);
  text_append_character(text, ',');
  append_text(text, row->name);
  text_append_format(text, ",%s,%s", states[row->status],
                     row->status != ROW_MEASURED ? ""
                     : row->valid                ? "valid"
                                                 : "invalid");
  append_value(text, json_object_get(json_object_get(ours, "correctness"), "error"));
  text_append_character(text, ',');
  append_text(text, row->reason);
  for (size_t i = 0; i < COUNT_OF(scenario_keys); i++)
    append_value(text, json_object_get(row->effective, scenario_keys[i]));
  append_value(text, json_object_get(json_object_get(row->effective, "compile_kwargs"), "mode"));
  for (size_t i = 0; i < columns->count; i++) {
    const Cell *cell = report_cell(row, columns->items[i].tag);
    const char *key = columns->items[i].key ? columns->items[i].key : "value";
    append_value(text, cell ? json_object_get(cell->source, key) : NULL);
  }
  text_append_text(text, "\r\n");
}

void print_csv(const Report *report, Text *text) {
  CsvColumns columns = find_columns(report);
  append_head(text, &columns);
  for (size_t i = 0; i < report->rows.count; i++)
    append_row(text, &columns, &report->rows.items[i]);
  ARRAY_FREE(&columns);
}
