// SPDX-License-Identifier: Apache-2.0
// Text being built, and spans of text that live elsewhere. Bytes are UTF-8 by convention; NUL may
// occur inside (token texts are data).
#pragma once
#include "base/attributes.h"
#include <stdarg.h>
#include <stdbool.h>

// A piece of somebody else's bytes; not NUL-terminated.
typedef struct {
  const char *data;
  size_t size;
} Span;

Span span_of(const char *text); // the whole of a NUL-terminated text
// The last at most `most` bytes of a text, from a character's first byte on: of a path too long for
// a message, the part that tells files apart.
const char *text_ending(const char *text, size_t most);
bool span_equal(Span a, Span b);
bool span_starts_with(Span text, Span prefix);

// A growing buffer that owns its bytes; always NUL-terminated once something was appended.
// {0} is an empty one.
typedef struct {
  char *data;
  size_t size, capacity; // size without the NUL
} Text;

void text_append(Text *text, const void *bytes, size_t size);
void text_append_text(Text *text, const char *more);
void text_append_character(Text *text, char character);
void text_append_format(Text *text, const char *format, ...) PRINTF_LIKE(2, 3);
void text_append_arguments(Text *text, const char *format, va_list arguments) PRINTF_LIKE(2, 0);
void text_clear(Text *text); // keeps the memory
void text_free(Text *text);  // leaves {0}
Span text_span(const Text *text);
