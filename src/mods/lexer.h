// SPDX-License-Identifier: Apache-2.0
// The words of an expression, by Python's rules for numbers and names. Line breaks are blanks, and
// comments go from # to the end of a line.
#pragma once
#include "base/error.h"
#include "base/text.h"
#include <stdint.h>

// kind, how it is written (NULL: many ways)
#define MOD_TOKENS(X)                                                                              \
  X(TOKEN_END, NULL)                                                                               \
  X(TOKEN_INTEGER, NULL)                                                                           \
  X(TOKEN_REAL, NULL)                                                                              \
  X(TOKEN_STRING, NULL)                                                                            \
  X(TOKEN_NAME, NULL) /* dots and all: torch.where */                                              \
  X(TOKEN_TRUE, "True")                                                                            \
  X(TOKEN_FALSE, "False")                                                                          \
  X(TOKEN_AND, "and")                                                                              \
  X(TOKEN_OR, "or")                                                                                \
  X(TOKEN_NOT, "not")                                                                              \
  X(TOKEN_IF, "if")                                                                                \
  X(TOKEN_ELSE, "else")                                                                            \
  X(TOKEN_POWER, "**")                                                                             \
  X(TOKEN_FLOOR_DIVIDE, "//")                                                                      \
  X(TOKEN_EQUAL, "==")                                                                             \
  X(TOKEN_NOT_EQUAL, "!=")                                                                         \
  X(TOKEN_LESS_EQUAL, "<=")                                                                        \
  X(TOKEN_GREATER_EQUAL, ">=")                                                                     \
  X(TOKEN_LESS, "<")                                                                               \
  X(TOKEN_GREATER, ">")                                                                            \
  X(TOKEN_PLUS, "+")                                                                               \
  X(TOKEN_MINUS, "-")                                                                              \
  X(TOKEN_TIMES, "*")                                                                              \
  X(TOKEN_DIVIDE, "/")                                                                             \
  X(TOKEN_REMAINDER, "%")                                                                          \
  X(TOKEN_BOTH, "&")                                                                               \
  X(TOKEN_EITHER, "|")                                                                             \
  X(TOKEN_DIFFER, "^")                                                                             \
  X(TOKEN_INVERT, "~")                                                                             \
  X(TOKEN_OPEN, "(")                                                                               \
  X(TOKEN_CLOSE, ")")                                                                              \
  X(TOKEN_OPEN_INDEX, "[")                                                                         \
  X(TOKEN_CLOSE_INDEX, "]")                                                                        \
  X(TOKEN_COMMA, ",")

typedef enum {
#define X(KIND, TEXT) KIND,
  MOD_TOKENS(X)
#undef X
} ModTokenKind;

typedef struct {
  ModTokenKind kind;
  int position; // byte in the text
  Span text;    // of a string without its quotes
  int64_t integer;
  double real;
} ModToken;

// The word at or after byte `from`. Anything that is no word is an error, which names what to write
// instead where that is known.
CHECKED bool mod_token_at(const char *text, int from, ModToken *token, Error *error);
int mod_token_end(const ModToken *token); // where to look for the next
bool mod_name_valid(const char *name);    // a name that is no word of the language's own
