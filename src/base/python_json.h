// SPDX-License-Identifier: Apache-2.0
// JSON as Python's json.dumps writes it, for hashes that the peer must compute too and for result
// files that read like the peer's: keys in insertion order, ", " and ": ", everything outside
// ASCII escaped, floats by their shortest text that reads back, NaN and infinities as Python
// spells them.
#pragma once
#include "base/text.h"
#include <jansson.h>

typedef enum {
  PYTHON_JSON_LINE,   // json.dumps(value)
  PYTHON_JSON_INDENT, // json.dumps(value, indent=4), but arrays of numbers on one line
} PythonJsonLayout;

void python_json_append(Text *text, const json_t *value, PythonJsonLayout layout);
// repr(value) of a float: "1.0", "0.1", "1e-09", "nan".
void python_json_append_real(Text *text, double value);
