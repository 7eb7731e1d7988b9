// SPDX-License-Identifier: Apache-2.0
// The man page, attometer(1), made from the option tables.
#pragma once
#include "cli/command.h"

void document_man(const Program *program, Text *out);
