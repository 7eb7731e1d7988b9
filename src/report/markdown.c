// SPDX-License-Identifier: Apache-2.0
#include "report/compiling.h"
#include "report/grid_lines.h"
#include "report/label.h"
#include "report/printers.h"
#include "report/unit.h"
#include <math.h>

static const char *const statistic_keys[] = {"avg", "std", "min", "p50",
                                             "p90", "p95", "p99", "max"};

static void append_statistic(Text *text, const Row *row, const Cell *cell) {
  char buffer[64], low[64], high[64];
  text_append_text(text, "| ");
  grid_markdown_escape(text, row->label);
  text_append_format(text, " | %s | %lld ", cell->name,
                     (long long)json_integer_value(json_object_get(cell->source, "count")));
  for (size_t i = 0; i < COUNT_OF(statistic_keys); i++) {
    const json_t *value = json_object_get(cell->source, statistic_keys[i]);
    double number = json_is_number(value) ? json_number_value(value) : NAN;
    text_append_format(text, "| %s ", unit_text(number, cell->unit, buffer, sizeof buffer));
  }
  text_append_format(text, "| %s to %s |\n", unit_text(cell->ci95.low, cell->unit, low, sizeof low),
                     unit_text(cell->ci95.high, cell->unit, high, sizeof high));
}

static void append_statistics(Text *text, const Report *report) {
  text_append_text(text, "\n| scenario | metric | samples |");
  for (size_t i = 0; i < COUNT_OF(statistic_keys); i++)
    text_append_format(text, " %s |", statistic_keys[i]);
  text_append_text(text, " median, 95 % |\n|---|---|---:|");
  for (size_t i = 0; i <= COUNT_OF(statistic_keys); i++) text_append_text(text, "---:|");
  text_append_character(text, '\n');
  for (size_t i = 0; i < report->rows.count; i++) {
    const Row *row = &report->rows.items[i];
    for (size_t j = 0; j < row->cells.count; j++)
      if (row->cells.items[j].sampled) append_statistic(text, row, &row->cells.items[j]);
  }
}

static void append_single(Text *text, const Row *row, const Cell *cell) {
  char buffer[64];
  text_append_text(text, "| ");
  grid_markdown_escape(text, row->label);
  text_append_format(text, " | %s | %s |\n", cell->name,
                     unit_text(cell->value, cell->unit, buffer, sizeof buffer));
}

static void append_singles(Text *text, const Report *report) {
  text_append_text(text, "\n| scenario | figure | value |\n|---|---|---:|\n");
  for (size_t i = 0; i < report->rows.count; i++) {
    const Row *row = &report->rows.items[i];
    for (size_t j = 0; j < row->cells.count; j++)
      if (!row->cells.items[j].sampled) append_single(text, row, &row->cells.items[j]);
  }
}

static void append_absent(Text *text, const Report *report) {
  for (size_t i = 0; i < report->rows.count; i++) {
    const Row *row = &report->rows.items[i];
    if (row->status == ROW_MEASURED) continue;
    text_append_format(text, "\n- %s: %s, ", row->label,
                       row->status == ROW_SKIPPED ? "skipped" : "failed");
    grid_markdown_escape(text, row->reason);
    text_append_character(text, '\n');
  }
}

void print_markdown(const Report *report, Text *text) {
  Grid grid = grid_make(report, true);
  label_common(report, text);
  text_append_text(text, "\n\n");
  grid_markdown_append(&grid, text);
  if (grid.rows > 0) {
    append_statistics(text, report);
    append_singles(text, report);
  }
  grid_free(&grid);
  grid = compiling_grid(report);
  if (grid.rows > 0) {
    text_append_character(text, '\n');
    grid_markdown_append(&grid, text);
  }
  append_absent(text, report);
  grid_free(&grid);
}
