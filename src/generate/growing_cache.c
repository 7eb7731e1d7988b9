// SPDX-License-Identifier: Apache-2.0
#include "generate/growing_cache.h"
#include "base/memory.h"
#include "generate/static_cache.h"

typedef struct {
  Cache cache; // first
  Region region;
  int64_t half; // bytes of the keys of one layer
} GrowingCache;

static bool growing_reserve(Cache *cache, int64_t length, Error *error) {
  if (length <= cache->shape.capacity) return true;
  return error_set(error, ERROR_ARGUMENT, "cache", "%lld tokens, room for %lld", (long long)length,
                   (long long)cache->shape.capacity);
}

static Tensor view(const GrowingCache *growing, int64_t half, int64_t batch) {
  const CacheShape *shape = &growing->cache.shape;
  int64_t dims[4] = {batch, shape->kv_heads, shape->capacity, shape->head_dim};
  return tensor_dense(shape->dtype, 4, dims,
                      (unsigned char *)growing->region.data + half * growing->half);
}

static KeyValues growing_layer(const Cache *cache, int64_t layer, int64_t batch) {
  const GrowingCache *growing = (const GrowingCache *)cache;
  return (KeyValues){view(growing, 2 * layer, batch), view(growing, 2 * layer + 1, batch)};
}

static int64_t growing_visible(const Cache *cache, int64_t length) {
  (void)cache;
  return length;
}

static int64_t whole_visible(const Cache *cache, int64_t length) {
  (void)length;
  return cache->shape.capacity;
}

static void growing_close(Cache *cache) {
  region_unmap(&((GrowingCache *)cache)->region);
  memory_free(cache);
}

static const CacheForm growing_form = {"growing", growing_reserve, growing_layer, growing_visible,
                                       growing_close};
static const CacheForm static_form = {"static", growing_reserve, growing_layer, whole_visible,
                                      growing_close};

static bool half_bytes(const CacheShape *shape, int64_t *half, size_t *total) {
  int64_t elements;
  return !__builtin_mul_overflow(shape->sequences, shape->kv_heads, &elements) &&
         !__builtin_mul_overflow(elements, shape->capacity, &elements) &&
         !__builtin_mul_overflow(elements, shape->head_dim, &elements) &&
         dtype_bytes(shape->dtype, elements, half) &&
         !__builtin_mul_overflow(2 * shape->layers, *half, total) && *total < SIZE_MAX / 2;
}

static Cache *open_form(const CacheForm *form, const CacheShape *shape, Error *error) {
  int64_t half;
  size_t total;
  Region region;
  if (!half_bytes(shape, &half, &total)) {
    error_set(error, ERROR_MEMORY, "cache", "%lld sequences of %lld tokens are too large",
              (long long)shape->sequences, (long long)shape->capacity);
    return NULL;
  }
  if (!region_map(&region, total, error)) {
    error_within(error, "cache");
    return NULL;
  }
  GrowingCache *growing = memory_allocate(sizeof *growing);
  *growing = (GrowingCache){.cache = {form, *shape}, .region = region, .half = half};
  return &growing->cache;
}

Cache *growing_cache_open(const CacheShape *shape, Error *error) {
  return open_form(&growing_form, shape, error);
}

Cache *static_cache_open(const CacheShape *shape, Error *error) {
  return open_form(&static_form, shape, error);
}
