// SPDX-License-Identifier: Apache-2.0
// The parts of a tokenizer.json are objects with a "type". These help to read them and bound what
// a file may ask for.
#pragma once
#include "base/document.h"
#include "base/text.h"

#define COMPONENT_LIMIT 64   // parts of one kind in a file, Sequences unrolled
#define COMPONENT_DEPTH 16   // nesting of Sequences
#define COMPONENT_GROWTH 64u // text made from n bytes may have 64 n + 65536 bytes
#define COMPONENT_SLACK 65536u

// How much text may come out of `size` bytes.
static inline size_t component_growth_limit(size_t size) {
  return size > (SIZE_MAX - COMPONENT_SLACK) / COMPONENT_GROWTH
             ? SIZE_MAX
             : size * COMPONENT_GROWTH + COMPONENT_SLACK;
}

// "type" of a component object.
CHECKED bool component_type(const Field *component, const char **type, Error *error);
// A string of the document, NULs included; lives as long as the document.
CHECKED bool component_span(const Field *field, Span *out, Error *error);
// The one character that a string field must hold.
CHECKED bool component_character(const Field *field, Span *out, Error *error);
// ERROR_UNSUPPORTED: "type \"X\" is not supported; supported: …".
bool component_refuse(const Field *component, const char *type, const char *supported,
                      Error *error);

// Called for each component that is not a Sequence.
typedef bool ComponentVisitor(void *context, const Field *component, const char *type,
                              Error *error);
// Walks a component, its Sequences (their parts are in `list`, e.g. "normalizers") unrolled.
// An absent or null component has no parts.
CHECKED bool component_walk(const Field *component, const char *list, ComponentVisitor *visit,
                            void *context, Error *error);
