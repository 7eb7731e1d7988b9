// SPDX-License-Identifier: Apache-2.0
// A cache of fixed shape: attention is shown its whole capacity at every step, and finds in `past`
// how much of it is filled. What compiled steps stand on: no shape changes as sequences grow. Its
// memory is that of the growing cache.
#pragma once
#include "generate/cache.h"

CHECKED Cache *static_cache_open(const CacheShape *shape, Error *error);
