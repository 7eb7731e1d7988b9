// SPDX-License-Identifier: Apache-2.0
// The blocks of a paged cache: which are free, who holds the others, and, when prefixes are shared,
// which tokens each full block holds. Taking, giving back and finding take constant time.
//
// A prefix is found block by block: a full block is known by the block before it and its own
// tokens. Whoever holds a block holds all before it, so that a block outlives those that were found
// through it. Full blocks are never written again, so that sharing copies nothing.
#pragma once
#include "base/error.h"
#include <stdint.h>

enum { BLOCK_NONE = -1 }; // no block: before the first, or none to be had

typedef struct BlockPool BlockPool;

BlockPool *block_pool_open(int64_t blocks, int64_t block_size, bool share);
void block_pool_close(BlockPool *pool); // NULL is fine
int64_t block_pool_size(const BlockPool *pool);
int64_t block_pool_free(const BlockPool *pool); // blocks that nobody holds
int64_t block_pool_holders(const BlockPool *pool, int32_t block);

int32_t block_pool_take(BlockPool *pool);             // a free block, held once; BLOCK_NONE: none
void block_pool_hold(BlockPool *pool, int32_t block); // one that is held, once more
void block_pool_give(BlockPool *pool, int32_t block);

// The block that holds these block_size ids behind the block `before`, held once more; BLOCK_NONE:
// none does, or prefixes are not shared.
int32_t block_pool_find(BlockPool *pool, int32_t before, const int32_t *ids);
// Says what a block holds, now that it is full. Where another holds the same already, or prefixes
// are not shared, it does nothing.
void block_pool_publish(BlockPool *pool, int32_t block, int32_t before, const int32_t *ids);

// Whether free and held blocks are all there are, and what is known of prefixes is of held ones.
CHECKED bool block_pool_check(const BlockPool *pool, Error *error);
