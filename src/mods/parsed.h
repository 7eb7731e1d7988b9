// SPDX-License-Identifier: Apache-2.0
// The trees of a parsed mod, before it is bound to a shape; for binding and tests.
#pragma once
#include "mods/mod.h"

// count 0: none. Sizes are variables still.
const ModTree *mod_parsed_score(const Mod *mod);
const ModTree *mod_parsed_mask(const Mod *mod);
// Puts "mod NAME, score: " or mask before the place of an error. Returns false.
bool mod_error_within(Error *error, const ModSource *source, bool is_mask);
