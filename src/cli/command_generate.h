// SPDX-License-Identifier: Apache-2.0
// `attometer generate`: text as a model writes it.
#pragma once
#include "cli/command.h"

extern const Command command_generate;
