// SPDX-License-Identifier: Apache-2.0
// The normalizer of a tokenizer: steps that rewrite the text before it is split.
#pragma once
#include "tokenizer/component.h"
#include "tokenizer/pattern.h"

typedef struct Normalizer Normalizer; // immutable

// Scratch of one thread.
typedef struct {
  Text texts[2];
  int32_t *characters; // of the Unicode forms
  size_t capacity;
  PatternWork *patterns; // borrowed
} NormalizerWork;

// Reads the "normalizer" field; absent or null: no steps. NULL on failure.
CHECKED Normalizer *normalizer_open(const Field *field, Error *error);
// Steps put together by hand, for files that name a rule instead of spelling it out.
Normalizer *normalizer_new(void);
void normalizer_append_nfc(Normalizer *normalizer);
void normalizer_append_prepend(Normalizer *normalizer, const char *text);
void normalizer_append_replace(Normalizer *normalizer, const char *text, const char *content);
void normalizer_close(Normalizer *normalizer);
void normalizer_work_close(NormalizerWork *work);

// *result is the normalized text: `text` itself when nothing changes it, else in work->texts until
// the next call. *start_kept turns false when characters at the very start were dropped, so that
// what comes out does not begin at offset 0 of the original. Output beyond
// component_growth_limit(size) is an error.
CHECKED bool normalizer_apply(const Normalizer *normalizer, NormalizerWork *work, Span text,
                              Span *result, bool *start_kept, Error *error);
