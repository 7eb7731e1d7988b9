// SPDX-License-Identifier: Apache-2.0
// What went wrong, as a value. Functions that can fail return bool (true: done) and take an
// Error * last, never NULL, which they fill when they return false. Nothing below cli prints or
// exits. A message names what was found and what was expected; `where` names the place (a file, a
// byte offset, a tensor, a field, a flag).
#pragma once
#include "base/attributes.h"
#include <stdbool.h>

// code, text, exit code of the program when this error ends it (documented in docs/exit-codes.md).
#define ERROR_CODES(X)                                                                             \
  X(ERROR_NONE, "no error", 0)                                                                     \
  X(ERROR_ARGUMENT, "bad argument", 2)                                                             \
  X(ERROR_NOT_FOUND, "not found", 3)                                                               \
  X(ERROR_FORMAT, "malformed input", 4)                                                            \
  X(ERROR_UNSUPPORTED, "not supported", 5)                                                         \
  X(ERROR_IO, "input or output failed", 6)                                                         \
  X(ERROR_MEMORY, "out of memory", 7)                                                              \
  X(ERROR_CHILD, "a scenario's process failed", 8)                                                 \
  X(ERROR_MISMATCH, "wrong result", 9)                                                             \
  X(ERROR_INTERRUPTED, "interrupted", 130)                                                         \
  X(ERROR_WORSE, "worse", 1)                                                                       \
  X(ERROR_UNDECIDED, "cannot tell", 10)

typedef enum {
#define X(CODE, TEXT, EXIT) CODE,
  ERROR_CODES(X)
#undef X
} ErrorCode;

typedef struct {
  ErrorCode code;
  char where[256];   // "model.safetensors, tensor model.norm.weight"; may be empty
  char message[512]; // "shape is [64, 3], expected [64]"
} Error;

// Fills *error and returns false, so that a failing function can end in `return error_set(…)`.
// `where` may be NULL. Long texts are cut at a character boundary, never overflow.
bool error_set(Error *error, ErrorCode code, const char *where, const char *format, ...)
    PRINTF_LIKE(4, 5);
// As error_set with ERROR_IO and the text of errno appended (ENOENT becomes ERROR_NOT_FOUND,
// ENOMEM becomes ERROR_MEMORY).
bool error_set_errno(Error *error, const char *where, const char *action);
// Puts "outer: " before error->where, for a caller that knows the larger place. Returns false.
bool error_within(Error *error, const char *outer);
// "bad argument", … : the general text of a code.
const char *error_code_text(ErrorCode code);
// The program's exit code for this error.
int error_exit_code(ErrorCode code);
// "where: message", or the message alone. Writes at most size bytes with the NUL; returns buffer.
char *error_text(const Error *error, char *buffer, size_t size);
