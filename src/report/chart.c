// SPDX-License-Identifier: Apache-2.0
#include "report/chart.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LEFT = 46, RIGHT = 8, TOP = 20, BOTTOM = 24 }; // room for labels
enum { MARKER_SHAPES = 5 };
static const double radius = 3.2;

// Colours stand in each rule, not in variables: some viewers of SVG know no variables.
const char chart_style[] =
    "text{font:11px system-ui,'Segoe UI',Helvetica,Arial,sans-serif;fill:#1b1f24}\n"
    ".label{fill:#5b6470;text-anchor:middle}\n"
    ".tick,.above{fill:#5b6470;text-anchor:end}\n"
    ".axis{font-weight:600}\n"
    ".grid,.frame{stroke:#e1e4e8;stroke-width:1;fill:none}\n"
    ".ceiling{stroke:#5b6470;stroke-width:1.2;stroke-dasharray:5 4}\n"
    ".series polyline{fill:none;stroke-width:1.8;stroke-linejoin:round}\n"
    ".series .spread{stroke-width:1;opacity:.6}\n"
    ".series.faint{opacity:.75}\n"
    ".series.faint polyline{stroke-width:1.4;stroke-dasharray:.5 3.5;stroke-linecap:round}\n"
    ".series.faint circle,.series.faint polygon{fill:#fff;stroke-width:1.2}\n"
    ".wrong line{stroke-width:1.8}\n"
    "@media (prefers-color-scheme:dark){text{fill:#e8eaed}.label,.tick,.above{fill:#9aa3ad}"
    ".grid,.frame{stroke:#30363d}.ceiling{stroke:#9aa3ad}"
    ".series.faint circle,.series.faint polygon{fill:#15181c}}\n";

static double left_of(const Chart *chart) {
  return chart->x + LEFT;
}
static double right_of(const Chart *chart) {
  return chart->x + chart->width - RIGHT;
}
static double top_of(const Chart *chart) {
  return chart->y + TOP;
}
static double bottom_of(const Chart *chart) {
  return chart->y + chart->height - BOTTOM;
}

static double across(const Chart *chart, double x) {
  return left_of(chart) + axis_place(&chart->horizontal, x) * (right_of(chart) - left_of(chart));
}

static double up(const Chart *chart, double y) {
  double place = fmin(fmax(axis_place(&chart->vertical, y), 0), 1); // ends of spreads stay inside
  return bottom_of(chart) - place * (bottom_of(chart) - top_of(chart));
}

static void draw_ticks(Text *svg, const Chart *chart) {
  double ticks[AXIS_MOST_TICKS];
  size_t count = axis_ticks(&chart->vertical, ticks);
  char label[32];
  for (size_t i = 0; i < count; i++) {
    double y = up(chart, ticks[i]);
    svg_line(svg, "grid", (SvgPoint){left_of(chart), y}, (SvgPoint){right_of(chart), y});
    svg_words(svg, "tick", (SvgPoint){left_of(chart) - 5, y + 4}, "%s",
              chart->label(ticks[i], label, sizeof label));
  }
  for (size_t i = 0; i < chart->stop_count; i++) {
    double x = across(chart, chart->stops[i]);
    svg_line(svg, "grid", (SvgPoint){x, top_of(chart)}, (SvgPoint){x, bottom_of(chart)});
    svg_words(svg, "label", (SvgPoint){x, bottom_of(chart) + 15}, "%.0f", chart->stops[i]);
  }
}

static void draw_ceiling(Text *svg, const Chart *chart) {
  if (!isfinite(chart->ceiling)) return;
  double y = up(chart, chart->ceiling);
  svg_line(svg, "ceiling", (SvgPoint){left_of(chart), y}, (SvgPoint){right_of(chart), y});
  svg_words(svg, "above", (SvgPoint){right_of(chart) - 2, y - 4}, "%s", chart->ceiling_name);
}

void chart_marker(Text *svg, int marker, SvgPoint at, double size) {
  double x = at.x, y = at.y, r = size * 1.25;
  const SvgPoint shapes[][4] = {
      {{x - size, y - size}, {x + size, y - size}, {x + size, y + size}, {x - size, y + size}},
      {{x, y - r}, {x + r, y + r * 0.8}, {x - r, y + r * 0.8}, {x, y - r}},
      {{x, y - r * 1.1}, {x + r * 1.1, y}, {x, y + r * 1.1}, {x - r * 1.1, y}},
      {{x, y + r}, {x + r, y - r * 0.8}, {x - r, y - r * 0.8}, {x, y + r}}};
  int shape = marker % MARKER_SHAPES;
  if (shape == 0)
    svg_circle(svg, "", at, size);
  else
    svg_polygon(svg, "", shapes[shape - 1], 4);
}

static void draw_cross(Text *svg, SvgPoint at) {
  double r = radius * 1.2;
  svg_group_begin(svg, "wrong", "wrong result");
  svg_line(svg, "", (SvgPoint){at.x - r, at.y - r}, (SvgPoint){at.x + r, at.y + r});
  svg_line(svg, "", (SvgPoint){at.x - r, at.y + r}, (SvgPoint){at.x + r, at.y - r});
  svg_group_end(svg);
}

static void draw_point(Text *svg, const Chart *chart, const ChartSeries *series,
                       const ChartPoint *point) {
  SvgPoint at = {across(chart, point->x), up(chart, point->y)};
  if (point->noise > 0.01 && point->noise < 1)
    svg_line(svg, "spread", (SvgPoint){at.x, up(chart, point->y * (1 + point->noise))},
             (SvgPoint){at.x, up(chart, point->y * (1 - point->noise))});
  if (point->valid)
    chart_marker(svg, series->marker, at, series->faint ? radius * 0.7 : radius);
  else
    draw_cross(svg, at);
}

static void draw_series(Text *svg, const Chart *chart, const ChartSeries *series) {
  char class_name[64];
  ARRAY_OF(SvgPoint) path = {0};
  for (size_t i = 0; i < series->points.count; i++) {
    const ChartPoint *point = &series->points.items[i];
    if (point->valid)
      ARRAY_APPEND(&path, ((SvgPoint){across(chart, point->x), up(chart, point->y)}));
  }
  snprintf(class_name, sizeof class_name, "series %s%s", series->class_name,
           series->faint ? " faint" : "");
  svg_group_begin(svg, class_name, series->name);
  if (path.count > 1) svg_polyline(svg, "", path.items, path.count);
  for (size_t i = 0; i < series->points.count; i++)
    draw_point(svg, chart, series, &series->points.items[i]);
  svg_group_end(svg);
  ARRAY_FREE(&path);
}

void chart_draw(Text *svg, const Chart *chart, const ChartSeries *series, size_t count) {
  svg_words(svg, "axis", (SvgPoint){left_of(chart), top_of(chart) - 8}, "%s", chart->title);
  draw_ticks(svg, chart);
  svg_rectangle(svg, "frame", left_of(chart), top_of(chart), right_of(chart) - left_of(chart),
                bottom_of(chart) - top_of(chart));
  draw_ceiling(svg, chart);
  for (size_t i = 0; i < count; i++) draw_series(svg, chart, &series[i]);
}
