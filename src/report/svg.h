// SPDX-License-Identifier: Apache-2.0
// A picture as SVG 1.1 text, made of the few shapes that charts need. Coordinates are pixels from
// the top left; how shapes look is said by CSS classes. Every text is escaped.
#pragma once
#include "base/text.h"

typedef struct {
  double x, y;
} SvgPoint;

// Begins the document: `title` is its accessible name, `style` its CSS.
void svg_begin(Text *svg, double width, double height, const char *title, const char *style);
void svg_end(Text *svg);
// Groups share a class and may carry a tooltip (NULL: none).
void svg_group_begin(Text *svg, const char *class_name, const char *tooltip);
void svg_group_end(Text *svg);
void svg_rectangle(Text *svg, const char *class_name, double x, double y, double width,
                   double height);
void svg_line(Text *svg, const char *class_name, SvgPoint from, SvgPoint to);
// An open line through the points.
void svg_polyline(Text *svg, const char *class_name, const SvgPoint *points, size_t count);
// A closed outline.
void svg_polygon(Text *svg, const char *class_name, const SvgPoint *points, size_t count);
void svg_circle(Text *svg, const char *class_name, SvgPoint centre, double radius);
// One line of text; the class says where its anchor is. Bytes that XML cannot hold become U+FFFD.
void svg_words(Text *svg, const char *class_name, SvgPoint at, const char *format, ...)
    PRINTF_LIKE(4, 5);
