// SPDX-License-Identifier: Apache-2.0
// docs/cli.md and docs/exit-codes.md, made from the option tables and the list of errors.
#pragma once
#include "cli/command.h"

void document_markdown(const Program *program, Text *out);
void document_exit_codes(const Program *program, Text *out);
