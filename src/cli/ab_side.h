// SPDX-License-Identifier: Apache-2.0
// One side of `attometer ab`: a file with one scenario, or flags of `attometer run` in one text.
#pragma once
#include "base/array.h"
#include "bench/scenario_matrix.h"
#include "cli/arguments.h"

typedef ARRAY_OF(char *) Words;

// Splits as a shell does: blanks, '…', "…", \x. Quotes without end are ERROR_ARGUMENT.
CHECKED bool words_split(const char *text, Words *words, Error *error);
void words_free(Words *words);

// The scenario that `text` and the flags of `common` (the command's own, which those of `text`
// override) make; exactly one. `name`: "A" or "B", for errors.
CHECKED bool ab_side_read(const Arguments *common, const char *text, const char *name,
                          MatrixCell *cell, Error *error);
