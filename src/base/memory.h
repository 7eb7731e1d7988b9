// SPDX-License-Identifier: Apache-2.0
// Heap memory for small things, and large regions from the system.
//
// Small allocations (names, tables, JSON) never return NULL: when the system has none left the
// process writes one line and ends with the exit code of ERROR_MEMORY; each scenario has its own
// process, so this is a recorded result there. Anything whose size comes from an input (weights,
// caches, files) is a Region, whose failure is an Error.
#pragma once
#include "base/error.h"
#include <stdint.h>

void *memory_allocate(size_t size);              // zeroed; size 0 gives a valid pointer
void *memory_resize(void *pointer, size_t size); // new bytes are not zeroed
void memory_free(void *pointer);                 // NULL is fine
char *memory_copy_text(const char *text);        // caller frees
// How many times the three allocating functions were called in this process, by all threads:
// tests take the difference over a measured run and expect zero.
uint64_t memory_allocation_count(void);

// Page-aligned zeroed memory outside the heap.
typedef struct {
  void *data;
  size_t size; // bytes mapped
} Region;

// Maps `size` bytes, huge pages asked for; pages are taken on first touch. size 0 gives {NULL, 0}.
CHECKED bool region_map(Region *region, size_t size, Error *error);
// Gives the pages back; a zero Region is fine. Leaves *region zero.
void region_unmap(Region *region);
