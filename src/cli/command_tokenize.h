// SPDX-License-Identifier: Apache-2.0
// `attometer tokenize`: text to ids and back.
#pragma once
#include "cli/command.h"

extern const Command command_tokenize;
