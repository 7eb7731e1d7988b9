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
  int64_t together = length - stepwise, budget = batch->options.token_budget, count;
  bool done = check(batch, ids, length, positions, stepwise, error);
  if (!done) return false;
  BatchFeed feed = batch_feed_open(batch);
  feed.computed = batch_context_take(batch, 0, feed.blocks, &feed.block_count);
  if (feed.computed < batch->contexts.length)
    done = error_set(error, ERROR_ARGUMENT, "logits", "behind a context that fills the cache");
  for (int64_t begin = 0; done && begin < length; begin += count) {
    int64_t left = together - begin, samples;
    count = left < 1 ? 1 : left < budget ? left : budget;
    samples = begin + count - (length - positions);
    samples = samples < 0 ? 0 : samples < count ? samples : count;
    done = batch_feed(batch, &feed, ids + begin, count, samples, logits, error);
    logits += samples * batch->decoder.config->vocabulary;
  }
  batch_feed_close(batch, &feed);
  return done;
}
