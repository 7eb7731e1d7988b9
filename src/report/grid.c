// SPDX-License-Identifier: Apache-2.0
#include "report/grid.h"
#include "report/unit.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char label_title[] = "scenario", spread_title[] = "+-", verdict_title[] = "correct";

static bool has_column(const Grid *grid, const char *tag) {
  for (size_t i = 0; i < grid->columns.count; i++)
    if (grid->columns.items[i].tag && strcmp(grid->columns.items[i].tag, tag) == 0) return true;
  return false;
}

static void add_column(Grid *grid, const Cell *cell, bool spread) {
  GridColumn column = {cell->tag, cell->column, unit_head(cell->unit), false};
  ARRAY_APPEND(&grid->columns, column);
  if (cell->primary && spread)
    ARRAY_APPEND(&grid->columns, ((GridColumn){cell->tag, spread_title, "", false}));
}

static void find_columns(const Report *report, bool spread, Grid *grid) {
  ARRAY_APPEND(&grid->columns, ((GridColumn){NULL, label_title, "", true}));
  for (size_t i = 0; i < report->rows.count; i++) {
    const Row *row = &report->rows.items[i];
    for (size_t j = 0; j < row->cells.count; j++) {
      const Cell *cell = &row->cells.items[j];
      if (cell->column[0] && !has_column(grid, cell->tag)) add_column(grid, cell, spread);
    }
  }
  ARRAY_APPEND(&grid->columns, ((GridColumn){NULL, verdict_title, "", true}));
}

static void spread_text(const Cell *cell, char *buffer, size_t size) {
  double share = (cell->ci95.high - cell->ci95.low) / 2 / fabs(cell->value);
  if (isfinite(share))
    snprintf(buffer, size, share < 0.0995 ? "%.1f %%" : "%.0f %%", share * 100);
  else
    snprintf(buffer, size, "-");
}

static char *text_of(const Row *row, const GridColumn *column) {
  char buffer[64];
  if (!column->tag) {
    const char *verdict = row->valid ? "yes" : "INVALID";
    return memory_copy_text(column->title == label_title ? row->label : verdict);
  }
  const Cell *cell = report_cell(row, column->tag);
  if (!cell) return memory_copy_text("-");
  if (column->title == spread_title)
    spread_text(cell, buffer, sizeof buffer);
  else
    unit_cell_text(cell->value, cell->unit, buffer, sizeof buffer);
  return memory_copy_text(buffer);
}

Grid grid_make(const Report *report, bool spread) {
  Grid grid = {0};
  find_columns(report, spread, &grid);
  grid.texts = memory_allocate(report->rows.count * grid.columns.count * sizeof *grid.texts);
  for (size_t i = 0; i < report->rows.count; i++) {
    const Row *row = &report->rows.items[i];
    if (row->status != ROW_MEASURED) continue;
    for (size_t j = 0; j < grid.columns.count; j++)
      grid.texts[grid.rows * grid.columns.count + j] = text_of(row, &grid.columns.items[j]);
    grid.rows++;
  }
  return grid;
}

Grid grid_of(const GridColumn *columns, size_t count) {
  Grid grid = {0};
  for (size_t i = 0; i < count; i++) ARRAY_APPEND(&grid.columns, columns[i]);
  return grid;
}

void grid_add_row(Grid *grid, const char *const *texts) {
  size_t count = grid->columns.count, used = grid->rows++ * count;
  grid->texts = memory_resize(grid->texts, (used + count) * sizeof *grid->texts);
  for (size_t i = 0; i < count; i++) grid->texts[used + i] = memory_copy_text(texts[i]);
}

void grid_free(Grid *grid) {
  for (size_t i = 0; i < grid->rows * grid->columns.count; i++) memory_free(grid->texts[i]);
  memory_free(grid->texts);
  ARRAY_FREE(&grid->columns);
  *grid = (Grid){0};
}

const char *grid_text(const Grid *grid, size_t row, size_t column) {
  return grid->texts[row * grid->columns.count + column];
}

size_t grid_characters(const char *text) {
  size_t count = 0;
  for (; *text; text++) count += ((unsigned char)*text & 0xC0) != 0x80;
  return count;
}

static size_t larger(size_t a, size_t b) {
  return a > b ? a : b;
}

size_t grid_width(const Grid *grid, size_t column) {
  const GridColumn *head = &grid->columns.items[column];
  size_t width = larger(grid_characters(head->title), grid_characters(head->head));
  for (size_t i = 0; i < grid->rows; i++)
    width = larger(width, grid_characters(grid_text(grid, i, column)));
  return width;
}
