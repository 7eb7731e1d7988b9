// SPDX-License-Identifier: Apache-2.0
#include "generate/cache.h"

void cache_close(Cache *cache) {
  if (cache) cache->form->close(cache);
}

int64_t cache_bytes(const CacheShape *shape, int64_t batch, int64_t length) {
  return 2 * shape->layers * batch * shape->kv_heads * length * shape->head_dim *
         dtype_facts(shape->dtype)->block_bytes;
}
