// SPDX-License-Identifier: Apache-2.0
// The flags of `attometer attention`, and the sweep that they and a configuration file ask for.
#pragma once
#include "bench/attention/config.h"
#include "cli/engine_options.h"

extern const OptionTable attention_sweep_options;   // the peer's keys
extern const OptionTable attention_pattern_options; // --score, --mask, --param, --array
extern const OptionTable attention_measure_options; // bounds and times
extern const OptionTable attention_output_options;  // where results go
extern const OptionTable attention_cell_options;    // --load, --save
extern const OptionTable attention_list_options;    // what prints and measures nothing

// Defaults, then the file of --config, then the flags that were given. NULL on failure; the caller
// closes it.
CHECKED AttentionSweep *attention_options_sweep(const Arguments *arguments, Error *error);
