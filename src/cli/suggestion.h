// SPDX-License-Identifier: Apache-2.0
// What was meant, among the choices of an option (base/suggestion.h).
#pragma once
#include "base/suggestion.h"

// Appends " (did you mean X?)" when a name of "a|b|c" is near `typed`.
void suggestion_append(const char *choices, const char *typed, Text *out);
