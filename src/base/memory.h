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

enum { REGION_HUGE_PAGE = 2 << 20 };

// Maps `size` bytes, huge pages asked for; pages are taken on first touch. size 0 gives {NULL, 0}.
CHECKED bool region_map(Region *region, size_t size, Error *error);
// Maps `size` bytes of a memory file, shared, at an address where huge pages of the file can be
// mapped whole. `writable`: for writing too; `populate`: its pages are mapped at once.
CHECKED bool region_map_file(Region *region, int descriptor, size_t size, bool writable,
                             bool populate, Error *error);
// Makes the pages of [begin, begin + size) of a new, empty memory file huge where they can be, also
// on systems that give such files small pages on first touch. Does nothing where that fails.
void region_make_huge(const Region *region, size_t begin, size_t size);
// Gives the pages back; a zero Region is fine. Leaves *region zero.
void region_unmap(Region *region);
