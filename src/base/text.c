// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"
#include "base/array.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

Span span_of(const char *text) {
  return (Span){text, strlen(text)};
}

const char *text_ending(const char *text, size_t most) {
  size_t size = strlen(text);
  if (size <= most) return text;
  const char *ending = text + size - most;
  while ((*ending & 0xC0) == 0x80) ending++;
  return ending;
}

bool span_equal(Span a, Span b) {
  return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool span_starts_with(Span text, Span prefix) {
  return text.size >= prefix.size &&
         (prefix.size == 0 || memcmp(text.data, prefix.data, prefix.size) == 0);
}

static void reserve(Text *text, size_t size) {
  if (text->capacity > size) return;
  text->capacity = array_capacity(text->capacity, size + 1);
  text->data = memory_resize(text->data, text->capacity);
}

void text_append(Text *text, const void *bytes, size_t size) {
  reserve(text, text->size + size);
  if (size) memcpy(text->data + text->size, bytes, size);
  text->size += size;
  text->data[text->size] = '\0';
}

void text_append_text(Text *text, const char *more) {
  text_append(text, more, strlen(more));
}

void text_append_character(Text *text, char character) {
  text_append(text, &character, 1);
}

void text_append_arguments(Text *text, const char *format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  size_t length = (size_t)vsnprintf(NULL, 0, format, again);
  va_end(again);
  reserve(text, text->size + length);
  vsnprintf(text->data + text->size, length + 1, format, arguments);
  text->size += length;
}

void text_append_format(Text *text, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  text_append_arguments(text, format, arguments);
  va_end(arguments);
}

void text_clear(Text *text) {
  text->size = 0;
  if (text->data) text->data[0] = '\0';
}

void text_free(Text *text) {
  memory_free(text->data);
  *text = (Text){0};
}

Span text_span(const Text *text) {
  return (Span){text->data ? text->data : "", text->size};
}
