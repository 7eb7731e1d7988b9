// SPDX-License-Identifier: Apache-2.0
// What --help says, 80 columns wide, made from the option tables.
#pragma once
#include "cli/command.h"

void help_program(const Program *program, Text *out);
void help_command(const Program *program, const Command *command, Text *out);
// "attometer generate --model-id MODEL [options] [TEXT]", without a line end.
void help_usage(const Program *program, const Command *command, Text *out);
// The help sentence of an option with its default: "threads of the engine (default: 4)".
void help_sentence(const Option *option, Text *out);
