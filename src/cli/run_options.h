// SPDX-License-Identifier: Apache-2.0
// The flags of `attometer run`, and the matrix of scenarios that they ask for.
#pragma once
#include "bench/scenario_matrix.h"
#include "cli/engine_options.h"

extern const OptionTable run_scenario_options; // what is measured
extern const OptionTable run_output_options;   // where it goes
extern const OptionTable run_later_options;    // flags of later work

// The scenarios of a configuration file, or of no file, times the lists of the flags. The caller
// frees the matrix, on failure too.
CHECKED bool run_options_matrix(const Arguments *arguments, ScenarioMatrix *matrix, Error *error);
