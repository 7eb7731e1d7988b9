// SPDX-License-Identifier: Apache-2.0
#include "report/printers.h"
#include "base/python_json.h"
#include <string.h>

ReportPrinter *report_printer(const char *format) {
  static const struct {
    const char *name;
    ReportPrinter *printer;
  } printers[] = {
#define X(NAME, PRINTER) {NAME, PRINTER},
      REPORT_FORMATS(X)
#undef X
  };
  for (size_t i = 0; i < COUNT_OF(printers); i++)
    if (strcmp(printers[i].name, format) == 0) return printers[i].printer;
  return NULL;
}

void print_json(const Report *report, Text *text) {
  python_json_append(text, report->document, PYTHON_JSON_INDENT);
  text_append_character(text, '\n');
}

void print_jsonl(const Report *report, Text *text) {
  static const char *const keys[] = {"config", "measurements", "metadata", "attometer"};
  for (size_t i = 0; i < report->rows.count; i++) {
    const Row *row = &report->rows.items[i];
    json_t *line = json_pack("{s:s}", "benchmark_config_hash", row->hash);
    for (size_t j = 0; j < COUNT_OF(keys); j++) {
      json_t *part = json_object_get(row->entry, keys[j]);
      json_object_set_new(line, keys[j], part ? json_incref(part) : json_null());
    }
    python_json_append(text, line, PYTHON_JSON_LINE);
    text_append_character(text, '\n');
    json_decref(line);
  }
}
