// SPDX-License-Identifier: Apache-2.0
// The text of the benchmark's prompt: English prose about measuring, over 2,000 words, written for
// this program. Changing it changes what every run with a tokenizer measures.
#pragma once
#include "base/attributes.h"

extern const char *const prompt_paragraphs[]; // joined by an empty line
extern const size_t prompt_paragraph_count;
