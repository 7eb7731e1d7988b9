// SPDX-License-Identifier: Apache-2.0
// The identities that change no value (NaN and infinities included, the sign of a zero aside), for
// the builder.
#pragma once
#include "mods/build.h"

// A simpler node of the same value as this operation, or -1. Constants alone are folded before.
int mod_simplify(ModBuilder *builder, ModOperation operation, const int *operands, int position);
