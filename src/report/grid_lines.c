// SPDX-License-Identifier: Apache-2.0
#include "report/grid_lines.h"
#include "report/printers.h"

// How the grid is put on the screen.
typedef struct {
  const Grid *grid;
  size_t shown; // columns between the first and the last
  size_t gap;   // spaces between columns
} Layout;

// How many columns between the first and the last fit; these two always do.
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

static bool has_heads(const Grid *grid) {
  for (size_t i = 0; i < grid->columns.count; i++)
    if (grid->columns.items[i].head[0]) return true;
  return false;
}

void grid_lines_append(const Grid *grid, Text *text) {
  if (grid->rows == 0) return;
  Layout layout = layout_of(grid);
  append_line(text, &layout, title_of, 0);
  if (has_heads(grid)) append_line(text, &layout, head_of, 0);
  for (size_t i = 0; i < grid->rows; i++) append_line(text, &layout, grid_text, i);
}

void grid_markdown_escape(Text *text, const char *content) {
  for (; *content; content++) {
    if (*content == '|') text_append_character(text, '\\');
    text_append_character(text, *content == '\n' ? ' ' : *content);
  }
}

void grid_markdown_append(const Grid *grid, Text *text) {
  for (size_t i = 0; i < grid->columns.count; i++) {
    const GridColumn *column = &grid->columns.items[i];
    text_append_format(text, "| %s%s%s ", column->title, column->head[0] ? " " : "", column->head);
  }
  text_append_text(text, "|\n");
  for (size_t i = 0; i < grid->columns.count; i++)
    text_append_text(text, grid->columns.items[i].left ? "|---" : "|---:");
  text_append_text(text, "|\n");
  for (size_t i = 0; i < grid->rows; i++) {
    for (size_t j = 0; j < grid->columns.count; j++) {
      text_append_text(text, "| ");
      grid_markdown_escape(text, grid_text(grid, i, j));
      text_append_character(text, ' ');
    }
    text_append_text(text, "|\n");
  }
}
