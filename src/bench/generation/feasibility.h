// SPDX-License-Identifier: Apache-2.0
// Whether a scenario can be run at all, known before its process is started: the model has
// positions for it, and what it needs on paper fits into the memory of this machine.
#pragma once
#include "bench/generation/memory_estimate.h"
#include "bench/scenario.h"

// Of one dtype's weights, taken once they are made.
typedef struct {
  MemoryFacts facts;
  int64_t position_limit; // tokens that the model has positions for; 0: no limit
  int64_t weights_held;   // bytes of the memory file that holds the weights
  int64_t available; // bytes that a process can have, those of that file included; 0: not known
} Feasibility;

// Reads the answer of the process that made the weights, and how much memory there is now.
CHECKED bool feasibility_read(const Field *made, Feasibility *feasibility, Error *error);
// What it will be, from the model's configuration alone, before anything is made.
Feasibility feasibility_expected(const ModelConfig *config);
// Why the scenario cannot be run: ERROR_ARGUMENT (positions) or ERROR_MEMORY, with the figures and
// the flags to change.
CHECKED bool feasibility_check(const Feasibility *feasibility, const Scenario *scenario,
                               Error *error);
// The same for the reference of a prompt behind a context: float32, eager, one sequence.
CHECKED bool feasibility_check_reference(const Feasibility *feasibility, Dtype dtype, int64_t depth,
                                         int64_t prompt_length, int64_t new_tokens, Error *error);
