// SPDX-License-Identifier: Apache-2.0
// The flags of `attometer run`.
#pragma once
#include "cli/option.h"

extern const OptionTable run_repetition_options; // --warmup, --iterations
extern const OptionTable run_scenario_options;   // what is measured
extern const OptionTable run_matrix_options;     // the axes of the matrix, or a level
extern const OptionTable run_output_options;     // where it goes
extern const OptionTable run_later_options;      // flags of later work
