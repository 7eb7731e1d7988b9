// SPDX-License-Identifier: Apache-2.0
#include "base/memory.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

// The one mutable global of the program: a counter that proves that measured runs do not allocate.
static atomic_uint_least64_t allocation_count;

_Noreturn static void end_without_memory(void) {
  static const char line[] = "attometer: out of memory\n";
  ssize_t written = write(STDERR_FILENO, line, sizeof line - 1);
  (void)written;
  _exit(error_exit_code(ERROR_MEMORY));
}

void *memory_allocate(size_t size) {
  atomic_fetch_add_explicit(&allocation_count, 1, memory_order_relaxed);
  void *pointer = calloc(1, size ? size : 1);
  if (!pointer) end_without_memory();
  return pointer;
}

void *memory_resize(void *pointer, size_t size) {
  atomic_fetch_add_explicit(&allocation_count, 1, memory_order_relaxed);
  void *resized = realloc(pointer, size ? size : 1);
  if (!resized) end_without_memory();
  return resized;
}

void memory_free(void *pointer) {
  free(pointer);
}

char *memory_copy_text(const char *text) {
  size_t size = strlen(text) + 1;
  return memcpy(memory_allocate(size), text, size);
}

uint64_t memory_allocation_count(void) {
  return atomic_load_explicit(&allocation_count, memory_order_relaxed);
}

bool region_map(Region *region, size_t size, Error *error) {
  *region = (Region){0};
  if (size == 0) return true;
  void *data =
      mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED)
    return error_set(error, ERROR_MEMORY, NULL, "cannot map %zu bytes of memory", size);
  madvise(data, size, MADV_HUGEPAGE); // only a hint: without it the pages are small
  *region = (Region){data, size};
  return true;
}

void region_unmap(Region *region) {
  if (region->data) munmap(region->data, region->size);
  *region = (Region){0};
}
