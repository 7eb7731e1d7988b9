// SPDX-License-Identifier: Apache-2.0
#include "report/svg.h"
#include "base/utf8.h"
#include <string.h>

static const char replacement[] = "\xEF\xBF\xBD"; // U+FFFD

static const char *entity_of(char character) {
  switch (character) {
  case '&': return "&amp;";
  case '<': return "&lt;";
  case '>': return "&gt;";
  case '"': return "&quot;";
  case '\'': return "&#39;";
  default: return NULL;
  }
}

// XML holds no control characters but tab and line ends, and UTF-8 alone.
static void append_escaped(Text *svg, const char *text) {
  Text valid = {0};
  utf8_repair(span_of(text), &valid);
  for (size_t i = 0; i < valid.size; i++) {
    const char *entity = entity_of(valid.data[i]);
    if (entity)
      text_append_text(svg, entity);
    else if ((unsigned char)valid.data[i] < ' ')
      text_append_text(svg, replacement);
    else
      text_append_character(svg, valid.data[i]);
  }
  text_free(&valid);
}

// A tenth of a pixel is enough, and keeps files small.
static void append_number(Text *svg, const char *name, double value) {
  text_append_format(svg, " %s=\"%.1f\"", name, value);
}

static void append_class(Text *svg, const char *class_name) {
  if (class_name[0]) text_append_format(svg, " class=\"%s\"", class_name);
}

void svg_begin(Text *svg, double width, double height, const char *title, const char *style) {
  text_append_format(svg,
                     "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %g %g\" "
                     "width=\"%g\" height=\"%g\" role=\"img\">\n<title>",
                     width, height, width, height);
  append_escaped(svg, title);
  text_append_format(svg, "</title>\n<style>\n%s</style>\n", style);
}

void svg_end(Text *svg) {
  text_append_text(svg, "</svg>\n");
}

void svg_group_begin(Text *svg, const char *class_name, const char *tooltip) {
  text_append_text(svg, "<g");
  append_class(svg, class_name);
  text_append_character(svg, '>');
  if (tooltip) {
    text_append_text(svg, "<title>");
    append_escaped(svg, tooltip);
    text_append_text(svg, "</title>");
  }
  text_append_character(svg, '\n');
}

void svg_group_end(Text *svg) {
  text_append_text(svg, "</g>\n");
}

void svg_rectangle(Text *svg, const char *class_name, double x, double y, double width,
                   double height) {
  text_append_text(svg, "<rect");
  append_class(svg, class_name);
  append_number(svg, "x", x);
  append_number(svg, "y", y);
  append_number(svg, "width", width);
  append_number(svg, "height", height);
  text_append_text(svg, "/>\n");
}

void svg_line(Text *svg, const char *class_name, SvgPoint from, SvgPoint to) {
  text_append_text(svg, "<line");
  append_class(svg, class_name);
  append_number(svg, "x1", from.x);
  append_number(svg, "y1", from.y);
  append_number(svg, "x2", to.x);
  append_number(svg, "y2", to.y);
  text_append_text(svg, "/>\n");
}

static void append_points(Text *svg, const char *element, const char *class_name,
                          const SvgPoint *points, size_t count) {
  text_append_format(svg, "<%s", element);
  append_class(svg, class_name);
  text_append_text(svg, " points=\"");
  for (size_t i = 0; i < count; i++)
    text_append_format(svg, i ? " %.1f,%.1f" : "%.1f,%.1f", points[i].x, points[i].y);
  text_append_text(svg, "\"/>\n");
}

void svg_polyline(Text *svg, const char *class_name, const SvgPoint *points, size_t count) {
  append_points(svg, "polyline", class_name, points, count);
}

void svg_polygon(Text *svg, const char *class_name, const SvgPoint *points, size_t count) {
  append_points(svg, "polygon", class_name, points, count);
}

void svg_circle(Text *svg, const char *class_name, SvgPoint centre, double radius) {
  text_append_text(svg, "<circle");
  append_class(svg, class_name);
  append_number(svg, "cx", centre.x);
  append_number(svg, "cy", centre.y);
  append_number(svg, "r", radius);
  text_append_text(svg, "/>\n");
}

void svg_words(Text *svg, const char *class_name, SvgPoint at, const char *format, ...) {
  Text words = {0};
  va_list arguments;
  va_start(arguments, format);
  text_append_arguments(&words, format, arguments);
  va_end(arguments);
  text_append_text(svg, "<text");
  append_class(svg, class_name);
  append_number(svg, "x", at.x);
  append_number(svg, "y", at.y);
  text_append_character(svg, '>');
  append_escaped(svg, words.size ? words.data : "");
  text_append_text(svg, "</text>\n");
  text_free(&words);
}
