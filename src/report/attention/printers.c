// SPDX-License-Identifier: Apache-2.0
#include "report/attention/printers.h"
#include "base/python_json.h"
#include <string.h>

AttentionPrinter *attention_printer(const char *format) {
  static const struct {
    const char *name;
    AttentionPrinter *printer;
  } printers[] = {{"table", attention_print_table},
                  {"markdown", attention_print_markdown},
                  {"csv", attention_print_csv},
                  {"json", attention_print_json},
                  {"jsonl", attention_print_jsonl}};
  for (size_t i = 0; i < COUNT_OF(printers); i++)
    if (strcmp(printers[i].name, format) == 0) return printers[i].printer;
  return NULL;
}

void attention_print_json(const AttentionResults *results, const AttentionPrintOptions *options,
                          Text *text) {
  (void)options;
  python_json_append(text, results->document, PYTHON_JSON_INDENT);
  text_append_character(text, '\n');
}

void attention_print_jsonl(const AttentionResults *results, const AttentionPrintOptions *options,
                           Text *text) {
  (void)options;
  const json_t *hash;
  size_t index;
  json_array_foreach(json_object_get(results->sweep, "cells"), index, hash) {
    json_t *cell = json_object_get(results->document, json_string_value(hash));
    if (!cell) continue;
    json_t *line = json_pack("{s:s}", "benchmark_config_hash", json_string_value(hash));
    json_object_update(line, cell);
    python_json_append(text, line, PYTHON_JSON_LINE);
    text_append_character(text, '\n');
    json_decref(line);
  }
}
