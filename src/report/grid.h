// SPDX-License-Identifier: Apache-2.0
// A grid of texts that printers lay out: heads over columns, numbers to the right.
#pragma once
#include "report/report.h"

typedef struct {
  const char *tag;   // of the cells in it; NULL: the label or the verdict
  const char *title; // first line of the head
  const char *head;  // second line: the unit that its cells leave out, or ""
  bool left;         // text, not numbers
} GridColumn;

typedef struct {
  ARRAY_OF(GridColumn) columns;
  size_t rows;
  char **texts; // [rows, columns]; owned
} Grid;

// One row for each measured row of the report; the columns are those that any of its cells names,
// in the order of their first appearance, between the label and the verdict. `spread` adds the
// noise of the primary statistic behind it.
Grid grid_make(const Report *report, bool spread);
// An empty grid of these columns; grid_add_row then fills it.
Grid grid_of(const GridColumn *columns, size_t count);
// Appends a row of `columns.count` texts, which are copied.
void grid_add_row(Grid *grid, const char *const *texts);
void grid_free(Grid *grid);
const char *grid_text(const Grid *grid, size_t row, size_t column);
// Characters that a column needs.
size_t grid_width(const Grid *grid, size_t column);
// Characters (not bytes) of UTF-8 text.
size_t grid_characters(const char *text);
