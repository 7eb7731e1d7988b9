// SPDX-License-Identifier: Apache-2.0
#include "generate/batch_context.h"
#include "generate/batch_feed.h"

static bool check(const Batch *batch, const int32_t *ids, int64_t length, int64_t positions,
                  int64_t stepwise, Error *error) {
  if (stepwise < 0 || stepwise > length || positions < 1 || positions > length ||
      batch->contexts.length + length > batch->options.max_tokens)
    return error_set(error, ERROR_ARGUMENT, "logits",
                     "%lld positions and %lld steps of %lld tokens", (long long)positions,
                     (long long)stepwise, (long long)length);
  return batch_feed_check(batch, "logits", ids, length, error);
}

bool batch_logits(Batch *batch, const int32_t *ids, int64_t length, int64_t positions,
                  int64_t stepwise, float *logits, Error *error) {
  int64_t together = length - stepwise, vocabulary = batch->decoder.config->vocabulary;
  if (!check(batch, ids, length, positions, stepwise, error)) return false;
  BatchFeed feed = batch_feed_open(batch);
  feed.computed = batch_context_take(batch, 0, feed.blocks, &feed.block_count);
  int64_t samples = positions > stepwise ? positions - stepwise : 0;
  bool done = feed.computed == batch->contexts.length ||
              error_set(error, ERROR_ARGUMENT, "logits", "behind a context that fills the cache");
  done = done && batch_feed(batch, &feed, ids, together, samples, logits, error);
  logits += samples * vocabulary;
  for (int64_t i = together; done && i < length; i++) {
    samples = i >= length - positions;
    done = batch_feed(batch, &feed, ids + i, 1, samples, logits, error);
    logits += samples * vocabulary;
  }
  batch_feed_close(batch, &feed);
  return done;
}
