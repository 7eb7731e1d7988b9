// SPDX-License-Identifier: Apache-2.0
// What a reader should take away: which scenario is fastest, by how much and how surely.
#pragma once
#include "report/report.h"

// One sentence for each kind of work (batch, prompt, new tokens) that several valid scenarios did:
// "sdpa is fastest at batch 1, 128 + 32 tokens: 1.23 +- 0.04 times as fast as eager, the next (95 %
// confidence)."
void summary_sentences(const Report *report, Text *text);
