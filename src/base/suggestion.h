// SPDX-License-Identifier: Apache-2.0
// The name that somebody may have meant: for unknown flags, commands, choices and keys.
#pragma once
#include "base/text.h"

// Edits (insert, delete, replace, swap neighbours) between two texts of at most 63 bytes; longer
// ones are told apart by a distance no suggestion reaches.
size_t suggestion_distance(Span a, Span b);
// The best match so far. {0} to begin.
typedef struct {
  Span name;
  size_t distance;
} Suggestion;
void suggestion_consider(Suggestion *best, Span candidate, Span typed);
// Whether the best is close enough to what was typed to be worth saying.
bool suggestion_good(const Suggestion *best, Span typed);
