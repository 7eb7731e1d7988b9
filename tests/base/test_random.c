// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

static void a_seed_gives_one_sequence(void **state) {
  (void)state;
  Random a = random_seeded(7), b = random_seeded(7), c = random_seeded(8);
  int differing = 0;
  for (int i = 0; i < 100; i++) {
    uint64_t value = random_next(&a);
    assert_int_equal(value, random_next(&b));
    differing += value != random_next(&c);
  }
  assert_int_equal(differing, 100);
}

static void below_is_uniform_and_in_range(void **state) {
  (void)state;
  Random random = random_seeded(1);
  int counts[7] = {0};
  for (int i = 0; i < 70000; i++) counts[random_below(&random, 7)]++;
  // 10,000 expected each, deviation 93: six of them
  for (int i = 0; i < 7; i++) assert_in_range(counts[i], 10000 - 556, 10000 + 556);
}

static void normals_have_their_moments(void **state) {
  (void)state;
  Random random = random_seeded(2);
  double sum = 0, squares = 0;
  enum { COUNT = 100000 };
  for (int i = 0; i < COUNT; i++) {
    double value = random_normal(&random);
    sum += value;
    squares += value * value;
  }
  assert_true(fabs(sum / COUNT) < 0.02);
  assert_true(fabs(squares / COUNT - 1) < 0.03);
}

static void counters_do_not_depend_on_order(void **state) {
  (void)state;
  uint64_t forward = random_at(3, 10), other = random_at(3, 11);
  assert_int_equal(forward, random_at(3, 10));
  assert_int_not_equal(forward, other);
  assert_int_not_equal(forward, random_at(4, 10));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_seed_gives_one_sequence),
      cmocka_unit_test(below_is_uniform_and_in_range),
      cmocka_unit_test(normals_have_their_moments),
      cmocka_unit_test(counters_do_not_depend_on_order),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
