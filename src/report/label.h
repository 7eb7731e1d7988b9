// SPDX-License-Identifier: Apache-2.0
// Short labels for rows: the attention, and of every other field only what differs between rows.
#pragma once
#include "report/report.h"

// Fills row->label of every row: "sdpa b4 s512 float32".
void label_rows(Report *report);
// Appends what all rows have in common: "batch 1, 128 + 32 tokens, bfloat16".
void label_common(const Report *report, Text *text);
// Whether two rows do the same work: batch, prompt length and new tokens are equal.
bool label_same_work(const Row *a, const Row *b);
// Appends "batch 1, 128 + 32 tokens" of one row.
void label_work(const Row *row, Text *text);
