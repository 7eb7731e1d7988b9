// SPDX-License-Identifier: Apache-2.0
// Two measured rows by the statistic that rows are ranked by.
#pragma once
#include "report/report.h"
#include "statistics/comparison.h"

// How many times as fast `row` is as `other`: above 1 is faster, whichever way the statistic goes.
Comparison row_comparison(const Row *row, const Row *other);
