// SPDX-License-Identifier: Apache-2.0
// attometer worker: the process of one scenario, started by `attometer run`; not for people.
#pragma once
#include "cli/command.h"

extern const Command command_worker;
