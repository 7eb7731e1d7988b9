// SPDX-License-Identifier: Apache-2.0
// Tokenizer files carry regular expressions in Oniguruma's Ruby syntax; this rewrites them so that
// PCRE2 with UTF and UCP means the same: \s \S \w \W \h and the properties newer than PCRE2's own
// tables are spelled out as classes, {,n} becomes {0,n}, and + after an interval repeats it (there
// it is not possessive).
#pragma once
#include "base/error.h"
#include "base/text.h"

// Appends the rewritten expression. Refused by name: nested classes, && in classes, backreferences,
// \g and \k, callouts and verbs: none occurs in the files of the supported families.
CHECKED bool pattern_syntax_translate(Span source, const char *where, Text *out, Error *error);
