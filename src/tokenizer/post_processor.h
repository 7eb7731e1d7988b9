// SPDX-License-Identifier: Apache-2.0
// The post-processor: the special ids that a tokenizer puts around the ids of one text.
#pragma once
#include "tokenizer/bpe.h"
#include "tokenizer/component.h"

// The ids before and after the text's own. Templates with the text twice or not at all are refused.
typedef struct {
  TokenIds before, after;
} PostProcessor;

// Reads the "post_processor" field; absent or null adds nothing.
CHECKED bool post_processor_read(PostProcessor *processor, const Field *field, Error *error);
void post_processor_close(PostProcessor *processor);
// How many ids it adds.
size_t post_processor_added(const PostProcessor *processor);
