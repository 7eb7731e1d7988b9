// SPDX-License-Identifier: Apache-2.0
// Compiler attributes and tiny macros used everywhere.
#pragma once
#include <stddef.h>

// A result that must be looked at.
#define CHECKED __attribute__((warn_unused_result))
// printf-like: FORMAT is the 1-based position of the format string, ARGUMENTS of the first value.
#define PRINTF_LIKE(FORMAT, ARGUMENTS) __attribute__((format(printf, FORMAT, ARGUMENTS)))
#define COUNT_OF(ARRAY) (sizeof(ARRAY) / sizeof((ARRAY)[0]))
