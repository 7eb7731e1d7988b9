// SPDX-License-Identifier: Apache-2.0
// Lines for a terminal.
#pragma once
#include "base/text.h"

// Appends words in lines of at most `columns` bytes, the later ones indented, and a line break.
void wrap_append(Text *text, const char *words, int columns, int indent);
