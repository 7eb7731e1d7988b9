// SPDX-License-Identifier: Apache-2.0
#include "base/memory.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_COLLAPSE // Linux 6.1
#define MADV_COLLAPSE 25
#endif

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

// An address for `size` bytes that is a multiple of the huge page: what hangs over is given back.
static char *reserve_aligned(size_t size) {
  size_t more = REGION_HUGE_PAGE, page = (size_t)sysconf(_SC_PAGESIZE);
  size_t whole = (size + page - 1) / page * page;
  if (whole < size || whole > SIZE_MAX - more) return NULL;
  char *data =
      mmap(NULL, whole + more, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) return NULL;
  size_t before = (more - (uintptr_t)data % more) % more;
  if (before > 0) munmap(data, before);
  munmap(data + before + whole, more - before);
  return data + before;
}

bool region_map_file(Region *region, int descriptor, size_t size, bool writable, bool populate,
                     Error *error) {
  *region = (Region){0};
  char *place = reserve_aligned(size);
  if (!place) return error_set(error, ERROR_MEMORY, "memory file", "cannot map %zu bytes", size);
  void *data = mmap(place, size, writable ? PROT_READ | PROT_WRITE : PROT_READ,
                    MAP_SHARED | MAP_FIXED | (populate ? MAP_POPULATE : 0), descriptor, 0);
  if (data == MAP_FAILED) {
    error_set_errno(error, "memory file", "cannot map");
    munmap(place, size);
    return false;
  }
  *region = (Region){data, size};
  return true;
}

// The file needs one page in each huge one before the system collapses them into it.
void region_make_huge(const Region *region, size_t begin, size_t size) {
  size_t first = (begin + REGION_HUGE_PAGE - 1) / REGION_HUGE_PAGE * REGION_HUGE_PAGE;
  size_t end = (begin + size) / REGION_HUGE_PAGE * REGION_HUGE_PAGE;
  for (size_t at = first; at < end; at += REGION_HUGE_PAGE) {
    char *page = (char *)region->data + at;
    *(volatile char *)page = 0;
    if (madvise(page, REGION_HUGE_PAGE, MADV_COLLAPSE) != 0) return;
  }
}

void region_unmap(Region *region) {
  if (region->data) munmap(region->data, region->size);
  *region = (Region){0};
}
