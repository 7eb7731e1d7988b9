// SPDX-License-Identifier: Apache-2.0
// What compiling cost and brought: a row for each compiled scenario.
#pragma once
#include "report/grid.h"

// Time of a cold start and how much of it the compiler took, time with everything in the cache,
// what was compiled, and how many times as fast the scenario is as the same one uncompiled ("-"
// where that was not measured). No rows: nothing was compiled.
Grid compiling_grid(const Report *report);
