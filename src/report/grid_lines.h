// SPDX-License-Identifier: Apache-2.0
// The two forms of a grid.
#pragma once
#include "base/text.h"
#include "report/grid.h"

// For a terminal: columns side by side, at most REPORT_COLUMNS wide. Where they do not fit, those
// before the last are left out from the right.
void grid_lines_append(const Grid *grid, Text *text);
// As a Markdown table, every column.
void grid_markdown_append(const Grid *grid, Text *text);
// A cell's text in Markdown: "|" and line breaks would end it.
void grid_markdown_escape(Text *text, const char *content);
