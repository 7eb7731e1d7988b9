// SPDX-License-Identifier: Apache-2.0
#include "base/wrap.h"
#include "report/grid.h"
#include "report/label.h"
#include "report/printers.h"
#include <string.h>

// How the grid is put on the screen.
typedef struct {
  const Grid *grid;
  size_t shown; // columns between label and verdict
  size_t gap;   // spaces between columns
} Layout;

// How many columns between label and verdict fit; the verdict always does.
static size_t fitting(const Grid *grid, size_t gap) {
  size_t last = grid->columns.count - 1;
  size_t width = grid_width(grid, 0) + gap + grid_width(grid, last);
  size_t count = 0;
  for (size_t i = 1; i < last; i++, count++) {
    width += gap + grid_width(grid, i);
    if (width > REPORT_COLUMNS) break;
  }
  return count;
}

static Layout layout_of(const Grid *grid) {
  size_t wide = fitting(grid, 2);
  if (wide + 2 == grid->columns.count) return (Layout){grid, wide, 2};
  return (Layout){grid, fitting(grid, 1), 1};
}

static void append_padded(Text *text, const char *content, size_t width, bool left, bool end) {
  size_t characters = grid_characters(content);
  int padding = width > characters ? (int)(width - characters) : 0;
  if (!left) text_append_format(text, "%*s", padding, "");
  text_append_text(text, content);
  if (left && !end) text_append_format(text, "%*s", padding, "");
}

typedef const char *Content(const Grid *grid, size_t row, size_t column);

static void append_line(Text *text, const Layout *layout, Content *content, size_t row) {
  const Grid *grid = layout->grid;
  for (size_t place = 0; place <= layout->shown + 1; place++) {
    size_t column = place <= layout->shown ? place : grid->columns.count - 1;
    if (place) text_append_format(text, "%*s", (int)layout->gap, "");
    append_padded(text, content(grid, row, column), grid_width(grid, column),
                  grid->columns.items[column].left, place == layout->shown + 1);
  }
  while (text->size && text->data[text->size - 1] == ' ') text->size--;
  text_append_character(text, '\n');
}

static const char *title_of(const Grid *grid, size_t row, size_t column) {
  (void)row;
  return grid->columns.items[column].title;
}

static const char *head_of(const Grid *grid, size_t row, size_t column) {
  (void)row;
  return grid->columns.items[column].head;
}

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

void print_table(const Report *report, Text *text) {
  if (report->rows.count == 0) {
    text_append_text(text, "no scenarios\n");
    return;
  }
  append_intro(report, text);
  Grid grid = grid_make(report, true);
  Layout layout = layout_of(&grid);
  if (grid.rows > 0) {
    append_line(text, &layout, title_of, 0);
    append_line(text, &layout, head_of, 0);
  }
  for (size_t i = 0; i < grid.rows; i++) append_line(text, &layout, grid_text, i);
  grid_free(&grid);
  append_absent(report, text);
}
