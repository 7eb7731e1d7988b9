// SPDX-License-Identifier: Apache-2.0
// The derived numbers of an entry: statistics of each metric, and single numbers for printers.
#pragma once
#include "bench/generation/answer.h"
#include "statistics/sample.h"

enum { STATISTICS_SEED = 1 }; // of every bootstrap over the runs of one scenario

// The metric's value in each iteration, as JSON (new reference) and described.
json_t *entry_values(const Answer *answer, const char *tag);
Sample entry_sample(const Answer *answer, const char *tag);
double entry_least(const Answer *answer, const char *tag);
double entry_most(const Answer *answer, const char *tag);
json_t *entry_statistics(const Answer *answer); // new reference
// Rows {tag, name, column, unit, value} picked from the other parts; new reference.
json_t *entry_summaries(const json_t *roofline, const json_t *load, const json_t *memory);
