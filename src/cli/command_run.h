// SPDX-License-Identifier: Apache-2.0
// attometer run: the benchmark.
#pragma once
#include "cli/command.h"

extern const Command command_run;
