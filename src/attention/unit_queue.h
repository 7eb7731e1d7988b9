// SPDX-License-Identifier: Apache-2.0
// Units of work that the threads of a team take in order.
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
  _Atomic int64_t next; // that no thread has taken
  int64_t count;
} UnitQueue;

// The next units, [*first, *last): several, so that what is asked for ahead in memory is mostly the
// thread's own, and ever fewer, so that all end together. false: none are left.
static inline bool unit_queue_take(UnitQueue *queue, int threads, int64_t *first, int64_t *last) {
  int64_t next = atomic_load(&queue->next), count;
  do {
    if (next >= queue->count) return false;
    count = (queue->count - next) / (2 * threads);
    if (count < 1) count = 1;
  } while (!atomic_compare_exchange_weak(&queue->next, &next, next + count));
  *first = next;
  *last = next + count;
  return true;
}
