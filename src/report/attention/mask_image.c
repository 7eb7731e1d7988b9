// SPDX-License-Identifier: Apache-2.0
#include "report/attention/mask_image.h"
#include <math.h>
#include <string.h>

const char mask_image_style[] =
    ".full{fill:#0072b2}\n.partial{fill:#e69f00}\n.empty{fill:#eef0f3}\n"
    ".full,.partial,.empty{shape-rendering:crispEdges}\n.note{fill:#5b6470}\n"
    "@media (prefers-color-scheme:dark){.empty{fill:#22272e}.note{fill:#9aa3ad}}\n";

static const double least_height = 12; // of a single query

static const char *class_of(char code) {
  return code == 'f' ? "full" : code == 'p' ? "partial" : NULL;
}

// A run of equal squares is one rectangle.
static void draw_row(Text *svg, const char *row, SvgPoint at, double size, double height) {
  for (size_t i = 0; row[i];) {
    size_t end = i + 1;
    while (row[end] == row[i]) end++;
    const char *class_name = class_of(row[i]);
    if (class_name)
      svg_rectangle(svg, class_name, at.x + (double)i * size, at.y, (double)(end - i) * size,
                    height);
    i = end;
  }
}

static void draw_words(Text *svg, const json_t *mask, SvgPoint at, double height) {
  const json_t *name = json_object_get(mask, "name");
  long long queries = json_integer_value(json_object_get(mask, "queries"));
  long long keys = json_integer_value(json_object_get(mask, "keys"));
  long long block = json_integer_value(json_object_get(mask, "block"));
  svg_words(svg, "axis", (SvgPoint){at.x, at.y + MASK_IMAGE_HEAD - 6}, "%s",
            json_string_value(name) ? json_string_value(name) : "");
  double below = at.y + MASK_IMAGE_HEAD + height;
  svg_words(svg, "note", (SvgPoint){at.x, below + 14}, "%lld queries x %lld keys", queries, keys);
  if (block > 1)
    svg_words(svg, "note", (SvgPoint){at.x, below + 28}, "a square: %lld x %lld", block, block);
  else
    svg_words(svg, "note", (SvgPoint){at.x, below + 28}, "a square: one pair");
}

static size_t longest(const json_t *rows) {
  size_t most = 0, index;
  const json_t *row;
  json_array_foreach(rows, index, row) {
    size_t size = json_string_length(row);
    if (size > most) most = size;
  }
  return most;
}

bool mask_image_draw(Text *svg, const json_t *mask, SvgPoint at, double size) {
  const json_t *rows = json_object_get(mask, "rows"), *row;
  size_t columns = longest(rows), lines = json_array_size(rows), index;
  if (columns == 0 || (double)columns > size || (double)lines > size) return false;
  double square = floor(size / (double)(columns > lines ? columns : lines)); // no seams
  double height =
      square * (double)lines < least_height ? floor(least_height / (double)lines) : square;
  SvgPoint corner = {at.x, at.y + MASK_IMAGE_HEAD};
  draw_words(svg, mask, at, height * (double)lines);
  svg_rectangle(svg, "empty", corner.x, corner.y, square * (double)columns, height * (double)lines);
  json_array_foreach(rows, index, row) {
    const char *codes = json_string_value(row);
    if (codes)
      draw_row(svg, codes, (SvgPoint){corner.x, corner.y + (double)index * height}, square, height);
  }
  return true;
}
