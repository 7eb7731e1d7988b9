// SPDX-License-Identifier: Apache-2.0
// The named patterns (noop, causal, rel, head_bias, alibi, sliding_window, document_mask,
// prefix_lm, softcap): definitions in the language itself, with the peer's numbers as parameters.
//
// document_mask names an array `doc` without values: the document of every position, int32, of the
// flattened batch. Who uses the pattern copies the source and gives the array; mod_parse refuses an
// array without values.
#pragma once
#include "mods/mod.h"

int pattern_count(void);
const ModSource *pattern_at(int index);
// NULL: there is none; the caller suggests (base/suggestion.h).
const ModSource *pattern_by_name(const char *name);
