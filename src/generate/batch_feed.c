// SPDX-License-Identifier: Apache-2.0
#include "generate/batch_feed.h"
#include "base/memory.h"
#include <string.h>

BatchFeed batch_feed_open(const Batch *batch) {
  return (BatchFeed){.blocks = memory_allocate((size_t)batch->rows.blocks_row * sizeof(int32_t))};
}

void batch_feed_close(Batch *batch, BatchFeed *feed) {
  while (feed->block_count > 0) block_pool_give(batch->pool, feed->blocks[--feed->block_count]);
  memory_free(feed->blocks);
  *feed = (BatchFeed){0};
}

static bool take_blocks(Batch *batch, BatchFeed *feed, int64_t end, Error *error) {
  while (feed->block_count * batch->options.block_size < end) {
    int32_t block = block_pool_take(batch->pool);
    if (block == BLOCK_NONE)
      return error_set(error, ERROR_ARGUMENT, "cache",
                       "of %lld blocks of %lld tokens is full at token %lld of a sequence",
                       (long long)block_pool_size(batch->pool),
                       (long long)batch->options.block_size, (long long)end);
    feed->blocks[feed->block_count++] = block;
  }
  return true;
}

// At most the token budget.
static bool feed_step(Batch *batch, BatchFeed *feed, const int32_t *ids, int64_t count,
                      int64_t samples, float *logits, Error *error) {
  size_t bytes = (size_t)(samples * batch->decoder.config->vocabulary) * sizeof *logits;
  if (!take_blocks(batch, feed, feed->computed + count, error)) return false;
  step_rows_clear(&batch->rows);
  int64_t row = step_rows_add(&batch->rows, ids, count, feed->computed, feed->blocks,
                              batch->options.block_size);
  for (int64_t i = count - samples; i < count; i++) step_rows_sample(&batch->rows, row + i);
  feed->computed += count;
  ops_scope_begin(batch->ops);
  Tensor made = batch_pass(batch, false);
  if (!ops_failed(batch->ops) && samples > 0) memcpy(logits, made.data, bytes);
  ops_scope_end(batch->ops);
  return ops_finish(batch->ops, error);
}

bool batch_feed(Batch *batch, BatchFeed *feed, const int32_t *ids, int64_t count, int64_t samples,
                float *logits, Error *error) {
  for (int64_t step; count > 0; ids += step, count -= step) {
    step = count < batch->options.token_budget ? count : batch->options.token_budget;
    int64_t made = samples - (count - step); // of the last tokens, those of this step
    if (made < 0) made = 0;
    if (!feed_step(batch, feed, ids, step, made, logits, error)) return false;
    logits = made ? logits + made * batch->decoder.config->vocabulary : logits;
    samples -= made;
  }
  return true;
}

bool batch_feed_check(const Batch *batch, const char *what, const int32_t *ids, int64_t count,
                      Error *error) {
  if (batch->running_count + batch->waiting_count > 0)
    return error_set(error, ERROR_ARGUMENT, what, "while requests wait or run");
  return config_check_ids(batch->decoder.config, ids, count, error);
}
