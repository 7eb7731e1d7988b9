// SPDX-License-Identifier: Apache-2.0
// The coverage levels of the matrix: which combinations of attention, compile mode, kernelize and
// continuous batching a run asks for when none is named. Before the rules.
#pragma once
#include "bench/scenario_file.h"

enum { LEVEL_LEAST = 0, LEVEL_MOST = 4, LEVEL_STANDARD = 1 };

// Appends the scenarios of a level to *scenarios, defaults in every other field. Levels 0 to 2 each
// add to the one before; 3 and 4 are products of the axes.
void levels_append(int64_t level, Scenarios *scenarios);
// "flash_attention_2", "eager", "sdpa", "flex_attention": the attention axis in running order.
extern const char *const level_attentions[4];
