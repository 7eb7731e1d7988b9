// SPDX-License-Identifier: Apache-2.0
// The result of `attometer ab` for people; docs/results.md has its keys.
#pragma once
#include "base/document.h"
#include "base/text.h"

bool ab_results_are(const json_t *document);
// At most REPORT_COLUMNS wide: both sides with their verdicts of correctness, a row for each
// metric, what was done, and what it says.
void ab_results_table(const json_t *document, Text *text);
