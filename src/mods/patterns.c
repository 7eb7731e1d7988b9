// SPDX-License-Identifier: Apache-2.0
#include "mods/patterns.h"
#include <string.h>

#define CAUSAL "q_idx >= kv_idx"

static const ModParameter window[] = {{.name = "window", .integer = 512}};
static const ModParameter prefix[] = {{.name = "prefix", .integer = 512}};
static const ModParameter cap[] = {{.name = "cap", .integer = 50}};
static const ModArray documents[] = {{.name = "doc", .values = {.dtype = DTYPE_I32, .rank = 1}}};

static const ModSource patterns[] = {
    {.name = "noop"},
    {.name = "causal", .mask = CAUSAL},
    {.name = "rel", .score = "score + (q_idx - kv_idx)"},
    {.name = "head_bias", .score = "score + 2 * h"},
    // Press et al. 2021, arXiv:2108.12409
    {.name = "alibi",
     .score = "score + (kv_idx - q_idx) * exp2(-8 * (h + 1) / Hq)",
     .mask = CAUSAL},
    {.name = "sliding_window",
     .mask = CAUSAL " and q_idx - kv_idx <= window",
     .parameter_count = COUNT_OF(window),
     .parameters = window},
    {.name = "document_mask",
     .mask = "doc[q_idx] == doc[kv_idx] and " CAUSAL,
     .array_count = COUNT_OF(documents),
     .arrays = documents},
    {.name = "prefix_lm",
     .mask = "kv_idx < prefix or " CAUSAL,
     .parameter_count = COUNT_OF(prefix),
     .parameters = prefix},
    // Gemma 2, arXiv:2408.00118
    {.name = "softcap",
     .score = "cap * tanh(score / cap)",
     .mask = CAUSAL,
     .parameter_count = COUNT_OF(cap),
     .parameters = cap},
};

int pattern_count(void) {
  return (int)COUNT_OF(patterns);
}

const ModSource *pattern_at(int index) {
  return &patterns[index];
}

const ModSource *pattern_by_name(const char *name) {
  for (int i = 0; i < pattern_count(); i++)
    if (strcmp(name, patterns[i].name) == 0) return &patterns[i];
  return NULL;
}
