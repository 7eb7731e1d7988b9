// SPDX-License-Identifier: Apache-2.0
// Regions that show a memory file: where they lie, what they hold, what is left when they go.
#include "base/memory.h"
#include "base/random.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

enum { SIZE = 5 * REGION_HUGE_PAGE + 12288 };

static int new_file(size_t size) {
  int descriptor = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  assert_true(descriptor >= 0);
  assert_int_equal(ftruncate(descriptor, (off_t)size), 0);
  return descriptor;
}

static Region map(int descriptor, bool writable, bool populate) {
  Region region;
  Error error;
  if (!region_map_file(&region, descriptor, SIZE, writable, populate, &error))
    fail_msg("%s: %s", error.where, error.message);
  assert_int_equal((uintptr_t)region.data % REGION_HUGE_PAGE, 0);
  assert_int_equal(region.size, SIZE);
  return region;
}

// Whether its pages could be made huge or not, a file is empty, then holds what was written, and
// can be sealed when nobody writes any more.
static void test_file_of_huge_pages(void **state) {
  (void)state;
  int descriptor = new_file(SIZE);
  Region writer = map(descriptor, true, false);
  region_make_huge(&writer, 0, SIZE / 2);
  region_make_huge(&writer, SIZE / 2, SIZE - SIZE / 2);
  uint64_t *words = writer.data;
  for (size_t i = 0; i < SIZE / sizeof *words; i++) assert_int_equal(words[i], 0);
  for (size_t i = 0; i < SIZE / sizeof *words; i++) words[i] = random_at(3, i);
  region_unmap(&writer);
  assert_int_equal(fcntl(descriptor, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW), 0);
  for (int populate = 0; populate < 2; populate++) {
    Region reader = map(descriptor, false, populate);
    const uint64_t *seen = reader.data;
    for (size_t i = 0; i < SIZE / sizeof *seen; i++) assert_int_equal(seen[i], random_at(3, i));
    region_unmap(&reader);
    assert_null(reader.data);
  }
  close(descriptor);
}

// A sealed file cannot be mapped for writing, and no file cannot be mapped at all.
static void test_refusals(void **state) {
  (void)state;
  Region region;
  Error error;
  int descriptor = new_file(SIZE);
  assert_int_equal(fcntl(descriptor, F_ADD_SEALS, F_SEAL_WRITE), 0);
  assert_false(region_map_file(&region, descriptor, SIZE, true, false, &error));
  assert_null(region.data);
  assert_int_equal(region.size, 0);
  assert_false(region_map_file(&region, -1, SIZE, false, false, &error));
  assert_false(region_map_file(&region, descriptor, SIZE_MAX - 10, false, false, &error));
  assert_int_equal(error.code, ERROR_MEMORY);
  close(descriptor);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_file_of_huge_pages),
      cmocka_unit_test(test_refusals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
