// SPDX-License-Identifier: Apache-2.0
#include "generate/block_pool.h"
#include "base/memory.h"
#include <string.h>

// What is known of a full block.
typedef struct {
  int32_t before; // the block before it
  int32_t next;   // of the same bucket
  int32_t bucket; // BLOCK_NONE: nothing is known
} Prefix;

struct BlockPool {
  int64_t blocks, block_size;
  int32_t *free; // [free_count]: a stack
  int64_t free_count;
  int32_t *holders; // [blocks]
  bool share;
  Prefix *prefixes;     // [blocks]
  int32_t *ids;         // [blocks, block_size]; NULL: not shared
  int32_t *buckets;     // [bucket_count]: the first block of each
  int64_t bucket_count; // a power of two
};

static void open_prefixes(BlockPool *pool) {
  size_t blocks = (size_t)pool->blocks;
  pool->bucket_count = 16;
  while (pool->bucket_count < 2 * pool->blocks) pool->bucket_count *= 2;
  pool->ids = memory_allocate(blocks * (size_t)pool->block_size * sizeof(int32_t));
  pool->prefixes = memory_allocate(blocks * sizeof(Prefix));
  pool->buckets = memory_allocate((size_t)pool->bucket_count * sizeof(int32_t));
  for (int64_t i = 0; i < pool->blocks; i++) pool->prefixes[i].bucket = BLOCK_NONE;
  for (int64_t i = 0; i < pool->bucket_count; i++) pool->buckets[i] = BLOCK_NONE;
}

BlockPool *block_pool_open(int64_t blocks, int64_t block_size, bool share) {
  BlockPool *pool = memory_allocate(sizeof *pool);
  *pool = (BlockPool){.blocks = blocks,
                      .block_size = block_size,
                      .free = memory_allocate((size_t)blocks * sizeof(int32_t)),
                      .free_count = blocks,
                      .holders = memory_allocate((size_t)blocks * sizeof(int32_t)),
                      .share = share};
  // The lowest are taken first, so that a cache in order lies in order.
  for (int64_t i = 0; i < blocks; i++) pool->free[i] = (int32_t)(blocks - 1 - i);
  if (share) open_prefixes(pool);
  return pool;
}

void block_pool_close(BlockPool *pool) {
  if (!pool) return;
  memory_free(pool->free);
  memory_free(pool->holders);
  memory_free(pool->prefixes);
  memory_free(pool->ids);
  memory_free(pool->buckets);
  memory_free(pool);
}

int64_t block_pool_size(const BlockPool *pool) {
  return pool->blocks;
}

int64_t block_pool_free(const BlockPool *pool) {
  return pool->free_count;
}

int64_t block_pool_holders(const BlockPool *pool, int32_t block) {
  return pool->holders[block];
}

int32_t block_pool_take(BlockPool *pool) {
  if (pool->free_count == 0) return BLOCK_NONE;
  int32_t block = pool->free[--pool->free_count];
  pool->holders[block] = 1;
  return block;
}

void block_pool_hold(BlockPool *pool, int32_t block) {
  pool->holders[block]++;
}

static void forget(BlockPool *pool, int32_t block) {
  Prefix *prefix = &pool->prefixes[block];
  if (prefix->bucket == BLOCK_NONE) return;
  int32_t *link = &pool->buckets[prefix->bucket];
  while (*link != block) link = &pool->prefixes[*link].next;
  *link = prefix->next;
  prefix->bucket = BLOCK_NONE;
}

void block_pool_give(BlockPool *pool, int32_t block) {
  if (--pool->holders[block] > 0) return;
  if (pool->share) forget(pool, block);
  pool->free[pool->free_count++] = block;
}

// FNV-1a over the ids, four bytes at a time, mixed at the end.
static int32_t bucket_of(const BlockPool *pool, int32_t before, const int32_t *ids) {
  uint64_t hash = 0xCBF29CE484222325u ^ (uint32_t)before;
  for (int64_t i = 0; i < pool->block_size; i++) hash = (hash ^ (uint32_t)ids[i]) * 0x100000001B3u;
  hash ^= hash >> 29;
  return (int32_t)((hash * 0x9E3779B97F4A7C15u) >> 33 & (uint64_t)(pool->bucket_count - 1));
}

static int32_t find(const BlockPool *pool, int32_t bucket, int32_t before, const int32_t *ids) {
  size_t bytes = (size_t)pool->block_size * sizeof *ids;
  int32_t block = pool->buckets[bucket];
  while (block != BLOCK_NONE && (pool->prefixes[block].before != before ||
                                 memcmp(pool->ids + block * pool->block_size, ids, bytes) != 0))
    block = pool->prefixes[block].next;
  return block;
}

int32_t block_pool_find(BlockPool *pool, int32_t before, const int32_t *ids) {
  if (!pool->share) return BLOCK_NONE;
  int32_t block = find(pool, bucket_of(pool, before, ids), before, ids);
  if (block != BLOCK_NONE) pool->holders[block]++;
  return block;
}

void block_pool_publish(BlockPool *pool, int32_t block, int32_t before, const int32_t *ids) {
  if (!pool->share || pool->prefixes[block].bucket != BLOCK_NONE) return;
  int32_t bucket = bucket_of(pool, before, ids);
  if (find(pool, bucket, before, ids) != BLOCK_NONE) return;
  memcpy(pool->ids + block * pool->block_size, ids, (size_t)pool->block_size * sizeof *ids);
  pool->prefixes[block] = (Prefix){before, pool->buckets[bucket], bucket};
  pool->buckets[bucket] = block;
}

static bool check_prefixes(const BlockPool *pool, Error *error) {
  for (int64_t i = 0; i < pool->blocks; i++) {
    const Prefix *prefix = &pool->prefixes[i];
    if (prefix->bucket == BLOCK_NONE) continue;
    bool parent = prefix->before == BLOCK_NONE || pool->holders[prefix->before] > 0;
    if (pool->holders[i] < 1 || !parent)
      return error_set(error, ERROR_MISMATCH, "block pool",
                       "block %lld is known by its tokens, but it or the one before it is free",
                       (long long)i);
  }
  return true;
}

bool block_pool_check(const BlockPool *pool, Error *error) {
  int64_t held = 0;
  for (int64_t i = 0; i < pool->blocks; i++) held += pool->holders[i] > 0;
  if (held + pool->free_count != pool->blocks)
    return error_set(error, ERROR_MISMATCH, "block pool", "%lld free and %lld held of %lld blocks",
                     (long long)pool->free_count, (long long)held, (long long)pool->blocks);
  for (int64_t i = 0; i < pool->free_count; i++)
    if (pool->holders[pool->free[i]] != 0)
      return error_set(error, ERROR_MISMATCH, "block pool", "block %d is free and held",
                       pool->free[i]);
  return !pool->share || check_prefixes(pool, error);
}
