// SPDX-License-Identifier: Apache-2.0
// Of a prelude (mods/emit.h), what a text needs: compilers take their time for the rest too.
#pragma once
#include "base/text.h"

// Appends the definitions whose names `used` has, and those that they need themselves, in their
// order. Definitions are separated by blank lines and stand behind what they use; names begin with
// mod_, Mod or MOD_.
void prelude_cut(const char *prelude, const char *used, Text *out);
