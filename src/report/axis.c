// SPDX-License-Identifier: Apache-2.0
#include "report/axis.h"
#include <math.h>
#include <stdbool.h>

static const double margin = 0.06; // of the axis, on either side
enum { ENOUGH_TICKS = 3 };

Axis axis_logarithmic(double least, double largest, double decades) {
  double low = log10(least), high = log10(largest);
  double missing = decades - (high - low);
  if (missing > 0) low -= missing / 2, high += missing / 2;
  double space = (high - low) * margin;
  return (Axis){pow(10, low - space), pow(10, high + space)};
}

double axis_place(const Axis *axis, double value) {
  return log(value / axis->low) / log(axis->high / axis->low);
}

// `steps` of 10, beginning with 1, in every decade.
static size_t ticks_by(const Axis *axis, const double *steps, size_t count,
                       double ticks[AXIS_MOST_TICKS]) {
  size_t found = 0;
  int first = (int)floor(log10(axis->low)), last = (int)ceil(log10(axis->high));
  for (int decade = first; decade <= last; decade++)
    for (size_t i = 0; i < count && found < AXIS_MOST_TICKS; i++) {
      double tick = pow(10, decade) * steps[i];
      bool inside = tick >= axis->low && tick <= axis->high;
      if (inside) ticks[found++] = tick;
    }
  return found;
}

size_t axis_ticks(const Axis *axis, double ticks[AXIS_MOST_TICKS]) {
  static const double steps[] = {1, 2, 5};
  static const size_t counts[] = {1, 3};
  size_t found = ticks_by(axis, steps, counts[0], ticks);
  return found >= ENOUGH_TICKS ? found : ticks_by(axis, steps, counts[1], ticks);
}
