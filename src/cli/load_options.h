// SPDX-License-Identifier: Apache-2.0
// The flags of loads on continuous batching.
#pragma once
#include "bench/generation/load_file.h"
#include "cli/arguments.h"

extern const OptionTable load_options;

// Whether requests or arrivals are asked for, which only continuous batching serves.
bool load_options_given(const Arguments *arguments);
// The plan that the flags say; requests and texts are in the arena.
CHECKED bool load_options_plan(const Arguments *arguments, const LoadPrompts *prompts, Arena *arena,
                               LoadPlan *plan, Error *error);
