// SPDX-License-Identifier: Apache-2.0
// The character classes that the reference tokenizers use; see tools/make_unicode_tables.py.
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint32_t first, last; // in unicode_lowercase: a character and its lower case
} UnicodeRange;

extern const uint32_t unicode_category_starts[]; // first << 8 | UnicodeCategory
extern const size_t unicode_category_starts_count;
extern const UnicodeRange unicode_spaces[], unicode_words[], unicode_punctuation[], unicode_marks[],
    unicode_unnormalized[], unicode_lowercase[],
    unicode_recent[]; // assigned after Unicode 14.0; each range of one category
extern const size_t unicode_spaces_count, unicode_words_count, unicode_punctuation_count,
    unicode_marks_count, unicode_unnormalized_count, unicode_lowercase_count, unicode_recent_count;
