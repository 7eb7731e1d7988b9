// SPDX-License-Identifier: Apache-2.0
// Standard output and standard error of the commands. A full disk or a closed pipe is an Error,
// never a lost result: commands check as they go when they stream, the program once at the end.
#pragma once
#include "base/error.h"
#include "base/text.h"

// Writes bytes to standard output (buffered).
void output_write(const void *bytes, size_t size);
void output_format(const char *format, ...) PRINTF_LIKE(1, 2);
// Pushes out what is buffered; false when this or any write before it failed.
CHECKED bool output_flush(Error *error);
// One line on standard error: "attometer: " and the error.
void output_error(const Error *error);
void output_warning(const char *format, ...) PRINTF_LIKE(1, 2);
