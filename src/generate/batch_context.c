// SPDX-License-Identifier: Apache-2.0
#include "generate/batch_context.h"
#include "base/memory.h"
#include "generate/batch_feed.h"
#include <string.h>

int64_t batch_context_next(Batch *batch) {
  BatchContexts *contexts = &batch->contexts;
  if (contexts->count == 0) return 0;
  int64_t which = contexts->next;
  contexts->next = (which + 1) % contexts->count;
  return which;
}

const int32_t *batch_context_ids(const Batch *batch, int64_t which) {
  return batch->contexts.ids + which * batch->contexts.length;
}

int64_t batch_context_blocks(const Batch *batch) {
  return batch->contexts.count * batch->contexts.block_count;
}

int64_t batch_context_take(Batch *batch, int64_t which, int32_t *blocks, int64_t *block_count) {
  const BatchContexts *contexts = &batch->contexts;
  int64_t size = batch->options.block_size, full = contexts->length / size;
  *block_count = full;
  if (contexts->count == 0) return 0;
  const int32_t *from = contexts->blocks + which * contexts->block_count;
  for (int64_t i = 0; i < full; i++) {
    block_pool_hold(batch->pool, from[i]);
    blocks[i] = from[i];
  }
  int64_t rest = contexts->length - full * size;
  int32_t copy = rest > 0 ? block_pool_take(batch->pool) : BLOCK_NONE;
  if (copy == BLOCK_NONE) return full * size;
  paged_cache_copy(batch->cache, from[full], copy, rest);
  blocks[(*block_count)++] = copy;
  return contexts->length;
}

void batch_context_free(Batch *batch) {
  BatchContexts *contexts = &batch->contexts;
  for (int64_t i = 0; i < contexts->computed * contexts->block_count; i++)
    block_pool_give(batch->pool, contexts->blocks[i]);
  memory_free(contexts->ids);
  memory_free(contexts->blocks);
  *contexts = (BatchContexts){0};
}

static bool check(const Batch *batch, const int32_t *ids, int64_t count, int64_t length,
                  Error *error) {
  int64_t size = batch->options.block_size, blocks = block_pool_size(batch->pool), all;
  if (count < 1 || length < 0 || length >= batch->options.max_tokens ||
      __builtin_mul_overflow(count, length, &all))
    return error_set(error, ERROR_ARGUMENT, "context",
                     "%lld of %lld tokens; a sequence has at most %lld", (long long)count,
                     (long long)length, (long long)batch->options.max_tokens);
  if ((length + size - 1) / size > blocks / count)
    return error_set(error, ERROR_ARGUMENT, "context",
                     "%lld of %lld tokens, but the cache is %lld blocks of %lld", (long long)count,
                     (long long)length, (long long)blocks, (long long)size);
  return batch_feed_check(batch, "context", ids, all, error);
}

// One more context; its blocks become those of the contexts.
static bool compute(Batch *batch, Error *error) {
  BatchContexts *contexts = &batch->contexts;
  const int32_t *ids = batch_context_ids(batch, contexts->computed);
  BatchFeed feed = batch_feed_open(batch);
  bool done = batch_feed(batch, &feed, ids, contexts->length, 0, NULL, error);
  if (done) {
    memcpy(contexts->blocks + contexts->computed++ * contexts->block_count, feed.blocks,
           (size_t)feed.block_count * sizeof *feed.blocks);
    feed.block_count = 0;
  }
  batch_feed_close(batch, &feed);
  return done;
}

bool batch_set_context(Batch *batch, const int32_t *ids, int64_t count, int64_t length,
                       Error *error) {
  if (!check(batch, ids, count, length, error)) return false;
  batch_context_free(batch);
  if (length == 0) return true;
  int64_t blocks = (length + batch->options.block_size - 1) / batch->options.block_size;
  size_t bytes = (size_t)(count * length) * sizeof *ids;
  batch->contexts = (BatchContexts){
      .count = count,
      .length = length,
      .block_count = blocks,
      .ids = memory_allocate(bytes),
      .blocks = memory_allocate((size_t)(count * blocks) * sizeof(int32_t)),
  };
  memcpy(batch->contexts.ids, ids, bytes);
  bool done = true;
  while (done && batch->contexts.computed < count) done = compute(batch, error);
  if (!done) batch_context_free(batch);
  return done;
}
