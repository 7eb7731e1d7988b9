// SPDX-License-Identifier: Apache-2.0
#include "generate/paged_cache.h"
#include "base/memory.h"
#include <string.h>

struct PagedCache {
  PagedCacheShape shape;
  int64_t slots;
  int64_t half; // bytes of the keys of one layer
  Region region;
};

// Whole blocks: padding too.
static bool sizes(const PagedCacheShape *shape, int64_t *slots, int64_t *half, size_t *total) {
  int64_t padding = (shape->padding + shape->block_size - 1) / shape->block_size, elements;
  return !__builtin_mul_overflow(shape->blocks + padding, shape->block_size, slots) &&
         !__builtin_mul_overflow(*slots, shape->kv_heads * shape->head_dim, &elements) &&
         dtype_bytes(shape->dtype, elements, half) &&
         !__builtin_mul_overflow(2 * shape->layers, *half, total) && *total < SIZE_MAX / 2;
}

PagedCache *paged_cache_open(const PagedCacheShape *shape, Error *error) {
  int64_t slots, half;
  size_t total;
  Region region;
  if (!sizes(shape, &slots, &half, &total)) {
    error_set(error, ERROR_MEMORY, "cache", "%lld blocks of %lld tokens are too large",
              (long long)shape->blocks, (long long)shape->block_size);
    return NULL;
  }
  if (!region_map(&region, total, error)) {
    error_within(error, "cache");
    return NULL;
  }
  PagedCache *cache = memory_allocate(sizeof *cache);
  *cache = (PagedCache){.shape = *shape, .slots = slots, .half = half, .region = region};
  return cache;
}

void paged_cache_close(PagedCache *cache) {
  if (!cache) return;
  region_unmap(&cache->region);
  memory_free(cache);
}

static Tensor view(const PagedCache *cache, int64_t half, int64_t rows) {
  const PagedCacheShape *shape = &cache->shape;
  int64_t dims[4] = {rows, shape->kv_heads, cache->slots, shape->head_dim};
  Tensor tensor =
      tensor_dense(shape->dtype, 4, dims, (unsigned char *)cache->region.data + half * cache->half);
  tensor.stride[0] = 0;
  return tensor;
}

KeyValues paged_cache_layer(const PagedCache *cache, int64_t layer, int64_t rows) {
  return (KeyValues){view(cache, 2 * layer, rows), view(cache, 2 * layer + 1, rows)};
}

void paged_cache_copy(PagedCache *cache, int64_t from, int64_t to, int64_t tokens) {
  const PagedCacheShape *shape = &cache->shape;
  int64_t row = shape->head_dim * dtype_facts(shape->dtype)->block_bytes;
  int64_t block = shape->block_size * row, head = cache->slots * row;
  for (int64_t i = 0; i < 2 * shape->layers * shape->kv_heads; i++) {
    unsigned char *slots = (unsigned char *)cache->region.data + i * head;
    memcpy(slots + to * block, slots + from * block, (size_t)(tokens * row));
  }
}

int64_t paged_cache_padding(const PagedCache *cache) {
  return cache->shape.blocks * cache->shape.block_size;
}

int64_t paged_cache_bytes(const PagedCacheShape *shape, int64_t blocks) {
  return 2 * shape->layers * blocks * shape->block_size * shape->kv_heads * shape->head_dim *
         dtype_facts(shape->dtype)->block_bytes;
}
