// SPDX-License-Identifier: Apache-2.0
// `attometer attention --load FOLDER --save FOLDER`: one back end, one pattern, tensors from files.
#pragma once
#include "bench/attention/config.h"
#include "cli/arguments.h"

// Whether the flags ask for it.
bool attention_single_wanted(const Arguments *arguments);
// `sweep`: what the flags make; its dtype, decoding and one pattern count (none given: noop).
CHECKED bool attention_single_run(const Arguments *arguments, AttentionSweep *sweep, Error *error);
