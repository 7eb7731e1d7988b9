// SPDX-License-Identifier: Apache-2.0
// Large JSON read in one pass, value by value, without building a tree: for tables of a hundred
// thousand entries. As strict as document.h in what it reads; what is skipped is only delimited,
// and is checked by whoever reads it.
//
//   document_reader_enter(&reader, '{') … while (more) { key, value } … the same with '['
#pragma once
#include "base/error.h"
#include "base/text.h"
#include <stdint.h>

typedef struct {
  Span text;
  size_t at;
  const char *name; // of the file, for errors
  bool first;       // no element of the innermost container was read yet
} DocumentReader;

DocumentReader document_reader(Span text, const char *name);
// The first byte of the next value, 0 at the end of the text.
char document_reader_peek(DocumentReader *reader);
// Reads the opening '{' or '['.
CHECKED bool document_reader_enter(DocumentReader *reader, char open, Error *error);
// Before each element: *more is false after the last one, whose '}' or ']' (`close`) is read too.
CHECKED bool document_reader_more(DocumentReader *reader, char close, bool *more, Error *error);
// A string. *out points into the text, or into *scratch (overwritten) when it has escapes. Valid
// UTF-8, no unpaired surrogate; U+0000 is data.
CHECKED bool document_reader_text(DocumentReader *reader, Text *scratch, Span *out, Error *error);
// A string and the colon behind it.
CHECKED bool document_reader_key(DocumentReader *reader, Text *scratch, Span *out, Error *error);
CHECKED bool document_reader_integer(DocumentReader *reader, int64_t *out, Error *error);
// Passes over a value; *raw is its text.
CHECKED bool document_reader_skip(DocumentReader *reader, Span *raw, Error *error);
// Nothing but white space may follow.
CHECKED bool document_reader_end(DocumentReader *reader, Error *error);
