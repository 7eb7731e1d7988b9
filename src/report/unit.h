// SPDX-License-Identifier: Apache-2.0
// Numbers for people, by unit hint: "seconds", "tok/s", "bytes", "share", "bytes/s", "flop/s";
// any other hint stands behind the number as it is.
#pragma once
#include <stddef.h>

// "12.3 ms", "456 tok/s", "1.20 GB", "61 %"; three significant digits, "-" for a NaN.
char *unit_text(double value, const char *unit, char *buffer, size_t size);
// Without a unit that the table's head already says (tok/s, share), to save room.
char *unit_cell_text(double value, const char *unit, char *buffer, size_t size);
const char *unit_head(const char *unit); // what the head says then; "" when cells say it
