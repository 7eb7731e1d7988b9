// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

static void allocations_are_aligned_zeroed_and_apart(void **state) {
  (void)state;
  Arena *arena = arena_open(256);
  unsigned char *previous = NULL;
  for (size_t size = 1; size < 1000; size += 37) {
    unsigned char *bytes = arena_allocate(arena, size);
    assert_int_equal((uintptr_t)bytes % 64, 0);
    for (size_t i = 0; i < size; i++) assert_int_equal(bytes[i], 0);
    memset(bytes, 0xAB, size);
    if (previous) assert_int_equal(previous[0], 0xAB);
    previous = bytes;
  }
  arena_close(arena);
}

static void a_restored_mark_reuses_memory_without_the_heap(void **state) {
  (void)state;
  Arena *arena = arena_open(1024);
  arena_allocate(arena, 100);
  ArenaMark mark = arena_mark(arena);
  size_t used = arena_used(arena);
  for (int i = 0; i < 50; i++) arena_allocate(arena, 300);
  arena_restore(arena, mark);
  assert_int_equal(arena_used(arena), used);
  uint64_t before = memory_allocation_count();
  for (int i = 0; i < 50; i++) {
    unsigned char *bytes = arena_allocate(arena, 300);
    for (int k = 0; k < 300; k++) assert_int_equal(bytes[k], 0);
  }
  assert_int_equal(memory_allocation_count(), before);
  arena_close(arena);
}

static void texts_are_copied_whole(void **state) {
  (void)state;
  Arena *arena = arena_open(0);
  char *bytes = arena_copy_bytes(arena, "a\0b", 3);
  assert_memory_equal(bytes, "a\0b\0", 4);
  assert_string_equal(arena_format(arena, "%s-%d", "x", 7), "x-7");
  arena_close(arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(allocations_are_aligned_zeroed_and_apart),
      cmocka_unit_test(a_restored_mark_reuses_memory_without_the_heap),
      cmocka_unit_test(texts_are_copied_whole),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
