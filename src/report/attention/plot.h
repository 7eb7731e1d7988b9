// SPDX-License-Identifier: Apache-2.0
// A sweep of attention as one picture: time and TFLOP/s against length, a line a back end, a pair
// of charts for each pattern, heads, dimension, batch and pass; below, what each mask leaves.
#pragma once
#include "report/attention/results.h"

// Appends an SVG document, for light and dark backgrounds.
void attention_plot(const AttentionResults *results, Text *svg);
