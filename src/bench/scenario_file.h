// SPDX-License-Identifier: Apache-2.0
// Scenarios from a configuration file: .json holds one object or an array of them, .jsonl one
// object a line (empty lines are skipped). Missing fields take the defaults; unknown keys are
// errors; the peer's older spellings (sdpa_backend, compile_mode, compile_options) are read.
#pragma once
#include "base/array.h"
#include "bench/scenario.h"

typedef ARRAY_OF(Scenario) Scenarios;

enum { SCENARIO_FILE_LIMIT = 16 << 20, SCENARIO_FILE_MAX = 100000 };

// Appends to *scenarios. On failure what was appended stays; the caller frees the array either way.
CHECKED bool scenario_file_read(const char *path, Scenarios *scenarios, Error *error);
// The same from bytes; `lines`: one object a line.
CHECKED bool scenario_file_parse(const void *bytes, size_t size, bool lines, const char *name,
                                 Scenarios *scenarios, Error *error);
