// SPDX-License-Identifier: Apache-2.0
// "Replace every match of a string or a regular expression by a text": a normalizer and a decoder.
#pragma once
#include "tokenizer/component.h"
#include "tokenizer/pattern.h"

// What to look for; exactly one of the two is set.
typedef struct {
  Pattern *pattern;
  Text literal;
} Needle;

// Reads {"String": s} or {"Regex": r}.
CHECKED bool needle_read(Needle *needle, const Field *field, Error *error);
void needle_close(Needle *needle);
// All matches of the needle in order. Start with {.text = …}. An empty literal matches nothing.
CHECKED bool needle_walk(const Needle *needle, PatternWalk *walk, PatternWork *work, Match *match,
                         bool *found, Error *error);

typedef struct {
  Needle needle;
  Text content;
} Replacement;

// Reads "pattern" and "content".
CHECKED bool replacement_read(Replacement *replacement, const Field *component, Error *error);
void replacement_close(Replacement *replacement);
// Appends the changed text to *out, which may grow to `limit` bytes. *start_removed is set when
// the beginning of the text was deleted (matched at 0, replaced by nothing).
CHECKED bool replacement_apply(const Replacement *replacement, PatternWork *work, Span text,
                               size_t limit, Text *out, bool *start_removed, Error *error);
