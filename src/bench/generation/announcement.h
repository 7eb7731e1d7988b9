// SPDX-License-Identifier: Apache-2.0
// What is said of a scenario as soon as it is measured, in one line.
#pragma once
#include "base/document.h"

enum { ANNOUNCEMENT_SIZE = 256 };

// "12.3 ms, prefill 900 tok/s, decode 80 tok/s, valid (error 0.001)" of an entry's `attometer`
// part, or as much of it as fits `room` columns. The time always stays, and longest a verdict that
// is bad.
void announcement_measured(const json_t *ours, int room, char line[ANNOUNCEMENT_SIZE]);
