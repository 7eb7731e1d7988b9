// SPDX-License-Identifier: Apache-2.0
// JSON Lines: a document on each line; blank lines are passed by.
#pragma once
#include "base/document.h"

// One document, and its place for messages: "name line 3". False ends the reading.
typedef bool JsonLine(void *context, const json_t *root, const char *where, Error *error);

CHECKED bool json_lines_each(const char *bytes, size_t size, const char *name, JsonLine *line,
                             void *context, Error *error);
