// SPDX-License-Identifier: Apache-2.0
// The three split expressions of most decoder families, matched by hand instead of by a regular
// expression engine: GPT-2's, Llama-3's (cl100k) and Qwen2's. Each covers every character, so that
// its matches cut a text into pieces without gaps.
#pragma once
#include "base/text.h"

#define SPLITTER_GPT2                                                                              \
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define SPLITTER_LLAMA3                                                                            \
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"                        \
  " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define SPLITTER_QWEN2                                                                             \
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|"                             \
  " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

typedef struct Splitter Splitter; // immutable; holds 1.1 MB of character classes

// NULL for an expression that is none of the three.
Splitter *splitter_open(Span expression);
void splitter_close(Splitter *splitter); // NULL is fine
// The end of the piece of `text` (valid UTF-8) that starts at `at` < text.size.
size_t splitter_next(const Splitter *splitter, Span text, size_t at);
