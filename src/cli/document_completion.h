// SPDX-License-Identifier: Apache-2.0
// Shell completions made from the option tables: commands, flags, the names that a flag takes, and
// files where a flag takes one.
#pragma once
#include "cli/command.h"

void document_bash(const Program *program, Text *out);
void document_zsh(const Program *program, Text *out);
void document_fish(const Program *program, Text *out);
