// SPDX-License-Identifier: Apache-2.0
// `attometer run --list`: the matrix, and nothing is run.
#pragma once
#include "cli/arguments.h"

// The estimates need --model-id; without it the scenarios alone are listed.
CHECKED bool run_list(const Arguments *arguments, Error *error);
