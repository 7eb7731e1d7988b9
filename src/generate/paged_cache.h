// SPDX-License-Identifier: Apache-2.0
// Keys and values in pages: [layer][keys, values][kv head][slot][head_dim], a slot for each token.
// Block b is slots b * block_size …; behind the last block lie slots for rows of padding, which
// nobody reads. Which block is whose: generate/block_pool.h.
#pragma once
#include "model/layers.h"

typedef struct {
  int64_t layers, kv_heads, head_dim;
  int64_t blocks, block_size;
  int64_t padding; // slots
  Dtype dtype;
} PagedCacheShape;

typedef struct PagedCache PagedCache;

CHECKED PagedCache *paged_cache_open(const PagedCacheShape *shape, Error *error);
void paged_cache_close(PagedCache *cache); // NULL is fine
// One layer for a pass of `rows` tokens: [rows, kv_heads, slots, head_dim], one for all rows.
KeyValues paged_cache_layer(const PagedCache *cache, int64_t layer, int64_t rows);
// The first `tokens` of a block to another.
void paged_cache_copy(PagedCache *cache, int64_t from, int64_t to, int64_t tokens);
int64_t paged_cache_padding(const PagedCache *cache); // the first slot of padding
int64_t paged_cache_bytes(const PagedCacheShape *shape, int64_t blocks); // of so many blocks
