// SPDX-License-Identifier: Apache-2.0
// The named patterns (noop, causal, rel, head_bias, alibi, sliding_window, document_mask,
// prefix_lm, softcap): definitions in the language itself.
#pragma once
#include "mods/mod.h"

int pattern_count(void);
const ModSource *pattern_at(int index);
// NULL: there is none; the caller suggests (base/suggestion.h).
const ModSource *pattern_by_name(const char *name);
