// SPDX-License-Identifier: Apache-2.0
#include "report/grid.h"
#include "report/label.h"
#include "report/printers.h"
#include "report/unit.h"
#include <math.h>

// A cell's text; "|" would end it.
static void append_escaped(Text *text, const char *content) {
  for (; *content; content++) {
    if (*content == '|') text_append_character(text, '\\');
    text_append_character(text, *content == '\n' ? ' ' : *content);
  }
}

static void append_head(Text *text, const Grid *grid) {
  for (size_t i = 0; i < grid->columns.count; i++) {
    const GridColumn *column = &grid->columns.items[i];
    text_append_format(text, "| %s%s%s ", column->title, column->head[0] ? " " : "", column->head);
  }
  text_append_text(text, "|\n");
  for (size_t i = 0; i < grid->columns.count; i++)
    text_append_text(text, grid->columns.items[i].left ? "|---" : "|---:");
  text_append_text(text, "|\n");
}

static void append_grid(Text *text, const Grid *grid) {
  append_head(text, grid);
  for (size_t i = 0; i < grid->rows; i++) {
    for (size_t j = 0; j < grid->columns.count; j++) {
      text_append_text(text, "| ");
      append_escaped(text, grid_text(grid, i, j));
      text_append_character(text, ' ');
    }
    text_append_text(text, "|\n");
  }
}

static const char *const statistic_keys[] = {"avg", "std", "min", "p50",
                                             "p90", "p95", "p99", "max"};

static void append_statistic(Text *text, const Row *row, const Cell *cell) {
  char buffer[64], low[64], high[64];
  text_append_text(text, "| ");
  append_escaped(text, row->label);
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
  append_escaped(text, row->label);
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
    append_escaped(text, row->reason);
    text_append_character(text, '\n');
  }
}

void print_markdown(const Report *report, Text *text) {
  Grid grid = grid_make(report, true);
  label_common(report, text);
  text_append_text(text, "\n\n");
  append_grid(text, &grid);
  if (grid.rows > 0) {
    append_statistics(text, report);
    append_singles(text, report);
  }
  append_absent(text, report);
  grid_free(&grid);
}
