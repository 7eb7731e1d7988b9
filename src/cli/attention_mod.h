// SPDX-License-Identifier: Apache-2.0
// A pattern of the command line: --score, --mask, --param and --array.
#pragma once
#include "bench/attention/config.h"
#include "cli/arguments.h"

// Replaces the sweep's mods by the one that the flags make, or gives parameters and arrays to the
// one pattern that it has; without any of the flags the sweep stays as it is.
CHECKED bool attention_mod_apply(const Arguments *arguments, AttentionSweep *sweep, Error *error);
