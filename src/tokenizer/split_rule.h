// SPDX-License-Identifier: Apache-2.0
// The splitting rules that GGUF files name (tokenizer.ggml.pre) instead of spelling out.
#pragma once
#include "tokenizer/normalizer.h"
#include "tokenizer/pre_tokenizer.h"

typedef struct {
  bool ignore_merges;
  bool add_begin; // whether bos is added unless the file says otherwise
} SplitRule;

// Appends the steps of the rule `name` to both. An unknown name is refused: a wrong rule degrades
// every result silently.
CHECKED bool split_rule_apply(Span name, Normalizer *normalizer, PreTokenizer *pre_tokenizer,
                              SplitRule *rule, Error *error);
