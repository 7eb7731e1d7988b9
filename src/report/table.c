// SPDX-License-Identifier: Apache-2.0
#include "base/wrap.h"
#include "report/compiling.h"
#include "report/grid_lines.h"
#include "report/label.h"
#include "report/printers.h"
#include <string.h>

static void append_absent(const Report *report, Text *text) {
  for (size_t i = 0; i < report->rows.count; i++) {
    const Row *row = &report->rows.items[i];
    if (row->status == ROW_MEASURED) continue;
    Text line = {0};
    text_append_format(&line, "%s: %s, %s", row->label,
                       row->status == ROW_SKIPPED ? "skipped" : "failed", row->reason);
    wrap_append(text, line.data, REPORT_COLUMNS, 2);
    text_free(&line);
  }
}

static void append_intro(const Report *report, Text *text) {
  Text line = {0};
  const json_t *metadata = json_object_get(report->rows.items[0].entry, "metadata");
  const char *model = json_string_value(json_object_get(metadata, "model_id"));
  text_append_format(&line, "%s: ", model ? model : "model");
  label_common(report, &line);
  wrap_append(text, line.data, REPORT_COLUMNS, 2);
  text_append_character(text, '\n');
  text_free(&line);
}

static void append_compiling(const Report *report, Text *text) {
  Grid grid = compiling_grid(report);
  if (grid.rows > 0) {
    text_append_character(text, '\n');
    grid_lines_append(&grid, text);
  }
  grid_free(&grid);
}

void print_table(const Report *report, Text *text) {
  if (report->rows.count == 0) {
    text_append_text(text, "no scenarios\n");
    return;
  }
  append_intro(report, text);
  Grid grid = grid_make(report, true);
  grid_lines_append(&grid, text);
  grid_free(&grid);
  append_compiling(report, text);
  append_absent(report, text);
}
