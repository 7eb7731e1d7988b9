// SPDX-License-Identifier: Apache-2.0
// attometer bench-kernels: each kernel against its reference and against the machine.
#pragma once
#include "cli/command.h"

extern const Command command_bench_kernels;
