// SPDX-License-Identifier: Apache-2.0
// `attometer cache`: what built code and answers of tuners the cache keeps, and away with them.
#pragma once
#include "cli/command.h"

extern const Command command_cache;
