// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "cli/command.h"

extern const Command command_ab;
