// SPDX-License-Identifier: Apache-2.0
// Measures a sweep of attention and says what came of it.
#pragma once
#include "bench/attention/sweep.h"
#include "cli/arguments.h"

CHECKED bool attention_run(const Arguments *arguments, const AttentionSweep *sweep,
                           const SweepCells *cells, Error *error);
