// SPDX-License-Identifier: Apache-2.0
// A cache that grows inside a mapping reserved for its whole capacity:
// [layer][keys, values][sequence][kv head][capacity][head_dim]. The system gives a page when it is
// first written, so the cache takes memory as sequences grow, and a run after the first of its
// length takes none.
#pragma once
#include "generate/cache.h"

CHECKED Cache *growing_cache_open(const CacheShape *shape, Error *error);
