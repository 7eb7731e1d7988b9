// SPDX-License-Identifier: Apache-2.0
// What `attometer attention` prints without measuring.
#pragma once
#include "bench/attention/sweep.h"

// --list-mods: every named pattern as an own one would be written in a configuration (YAML), so
// that it can be pasted and changed.
void attention_lists_mods(Text *text);
// --list-backends: a line each, with why it is not there.
void attention_lists_backends(Text *text);
// --dry-run: the notes of the sweep, a line a cell with its memory, and what there is in all.
void attention_lists_cells(const AttentionSweep *sweep, const SweepCells *cells, Text *text);
