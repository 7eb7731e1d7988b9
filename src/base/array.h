// SPDX-License-Identifier: Apache-2.0
// Growable arrays of any type:  struct { int *items; size_t count, capacity; } numbers = {0};
//   ARRAY_APPEND(&numbers, 7);   ARRAY_FREE(&numbers);
#pragma once
#include "base/memory.h"

#define ARRAY_OF(TYPE)                                                                             \
  struct {                                                                                         \
    TYPE *items;                                                                                   \
    size_t count, capacity;                                                                        \
  }
#define ARRAY_RESERVE(ARRAY, COUNT)                                                                \
  do {                                                                                             \
    if ((ARRAY)->capacity < (COUNT)) {                                                             \
      (ARRAY)->capacity = array_capacity((ARRAY)->capacity, (COUNT));                              \
      (ARRAY)->items = memory_resize((ARRAY)->items, (ARRAY)->capacity * sizeof *(ARRAY)->items);  \
    }                                                                                              \
  } while (0)
#define ARRAY_APPEND(ARRAY, VALUE)                                                                 \
  do {                                                                                             \
    ARRAY_RESERVE((ARRAY), (ARRAY)->count + 1);                                                    \
    (ARRAY)->items[(ARRAY)->count++] = (VALUE);                                                    \
  } while (0)
#define ARRAY_FREE(ARRAY)                                                                          \
  do {                                                                                             \
    memory_free((ARRAY)->items);                                                                   \
    (ARRAY)->items = NULL;                                                                         \
    (ARRAY)->count = (ARRAY)->capacity = 0;                                                        \
  } while (0)

// The next capacity: doubling, at least `wanted`.
static inline size_t array_capacity(size_t capacity, size_t wanted) {
  size_t next = capacity ? capacity * 2 : 8;
  return next < wanted ? wanted : next;
}
