// SPDX-License-Identifier: Apache-2.0
// A regular expression of a tokenizer file, compiled by PCRE2 with its JIT, and its search.
//
// A hostile expression cannot hang: PCRE2's match, depth and heap limits are set, a search goes
// forward in windows, and all searches of one encode share a budget of processor time that grows
// with the text (1 s + 1 us per byte, fifty times the usual need). Reaching a limit is an
// error.
#pragma once
#include "base/error.h"
#include "base/text.h"
#include <stdint.h>

#define PATTERN_LIMIT 65536u // bytes of an expression

typedef struct Pattern Pattern;         // immutable: may be shared by threads
typedef struct PatternWork PatternWork; // one per thread: match data, JIT stack, budget

// `where` names the field in errors. NULL on failure; the caller closes.
CHECKED Pattern *pattern_open(Span expression, const char *where, Error *error);
void pattern_close(Pattern *pattern); // NULL is fine

PatternWork *pattern_work_open(void);
void pattern_work_close(PatternWork *work);
// Starts the budget of one encode of `size` bytes of text.
void pattern_work_start(PatternWork *work, size_t size);

typedef struct {
  size_t begin, end;
} Match;

// Finds the first match in text[from, size), which is valid UTF-8 and the whole subject: ^ $ and
// lookarounds see its ends. *found tells whether there was one.
CHECKED bool pattern_find(const Pattern *pattern, PatternWork *work, Span text, size_t from,
                          Match *match, bool *found, Error *error);

// All matches in order, as the reference walks them: an empty match right after the last one is
// passed over. Start with {.text = …}.
typedef struct {
  Span text;
  size_t at, last_end;
  bool any, done;
} PatternWalk;
CHECKED bool pattern_walk(PatternWalk *walk, const Pattern *pattern, PatternWork *work,
                          Match *match, bool *found, Error *error);
