// SPDX-License-Identifier: Apache-2.0
// One small line chart with logarithmic axes: a frame, ticks, series of points with their spread,
// and a ceiling.
#pragma once
#include "base/array.h"
#include "report/axis.h"
#include "report/svg.h"

typedef struct {
  double x, y;
  double noise; // half of the interval as a share of y; NaN: not known
  bool valid;   // false: drawn as a cross, and no line leads to it
} ChartPoint;

typedef struct {
  const char *class_name; // colour
  int marker;             // which of the shapes: chart_marker
  bool faint;             // hollow markers on a dotted line
  const char *name;       // for the tooltip
  ARRAY_OF(ChartPoint) points;
} ChartSeries;

typedef struct {
  double x, y, width, height; // of the whole, labels included
  const char *title;          // above it: what the vertical axis is
  Axis horizontal, vertical;
  const double *stops; // values of the horizontal ticks
  size_t stop_count;
  // Writes the label of a vertical tick.
  char *(*label)(double value, char *buffer, size_t size);
  double ceiling; // a dashed line; NaN: none
  const char *ceiling_name;
} Chart;

void chart_draw(Text *svg, const Chart *chart, const ChartSeries *series, size_t count);
// The shape of a series: circle, square, triangle, diamond, inverted triangle, in turn.
void chart_marker(Text *svg, int marker, SvgPoint at, double radius);
// The style of what it draws; colours of series are the caller's.
extern const char chart_style[];
