// SPDX-License-Identifier: Apache-2.0
// A logarithmic axis: where a value lies on it, and where its ticks are.
#pragma once
#include <stddef.h>

typedef struct {
  double low, high; // values at its ends, both positive
} Axis;

enum { AXIS_MOST_TICKS = 12 };

// From the least to the largest positive value, with a margin, and at least `decades` long.
Axis axis_logarithmic(double least, double largest, double decades);
// 0 at the low end, 1 at the high one.
double axis_place(const Axis *axis, double value);
// Ascending ticks within the axis: powers of ten, or 1-2-5 times them where these would be few.
size_t axis_ticks(const Axis *axis, double ticks[AXIS_MOST_TICKS]);
