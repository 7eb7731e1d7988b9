// SPDX-License-Identifier: Apache-2.0
// The matrix of scenarios that the flags of `attometer run` ask for: a level, the product of the
// axes that were named, or a configuration file.
#pragma once
#include "bench/scenario_matrix.h"
#include "cli/arguments.h"

// The caller frees the matrix, on failure too.
CHECKED bool run_matrix_make(const Arguments *arguments, ScenarioMatrix *matrix, Error *error);
