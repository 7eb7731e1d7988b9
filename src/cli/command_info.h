// SPDX-License-Identifier: Apache-2.0
// `attometer info`: the machine, the libraries, the back ends, and with --measure the ceilings.
#pragma once
#include "cli/command.h"

extern const Command command_info;
