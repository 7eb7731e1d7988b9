// SPDX-License-Identifier: Apache-2.0
// Whether the file that a sweep goes on with has a scenario's result already.
#pragma once
#include "bench/generation/entry.h"
#include "bench/results.h"

// Measured and right, on the same files of the model, with threads bound in the same way, under
// the same load, and, where a precision is asked for, as precise or after as many runs.
bool finished_in(const Results *results, const EntryFacts *facts, const MatrixCell *cell);
