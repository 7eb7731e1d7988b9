// SPDX-License-Identifier: Apache-2.0
// One sequence that is fed what it is told, while no requests wait or run.
#pragma once
#include "generate/batch_state.h"

typedef struct {
  int32_t *blocks; // room for those of the longest sequence
  int64_t block_count;
  int64_t computed; // tokens in blocks
} BatchFeed;

BatchFeed batch_feed_open(const Batch *batch);
// Gives its blocks back. NULL blocks are fine.
void batch_feed_close(Batch *batch, BatchFeed *feed);
// The next `count` tokens, in as many steps as the token budget makes of them: logits [samples,
// vocabulary] of the last `samples`. ERROR_ARGUMENT: the cache has no block for them.
CHECKED bool batch_feed(Batch *batch, BatchFeed *feed, const int32_t *ids, int64_t count,
                        int64_t samples, float *logits, Error *error);
// Whether no requests wait or run, and all ids are of the vocabulary; else ERROR_ARGUMENT.
CHECKED bool batch_feed_check(const Batch *batch, const char *what, const int32_t *ids,
                              int64_t count, Error *error);
