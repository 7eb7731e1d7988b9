// SPDX-License-Identifier: Apache-2.0
// A program that replays faster is replayed; one whose replays are slower than its steps goes by
// steps nearly always, and is back as soon as that is over.
#include "base/clock.h"
#include "base/random.h"
#include "compile/pace.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

enum { RUNS = 2000, COLD = 50, STEPS_NS = 1000, GOOD_NS = 700, SLOW_NS = 90000 };

// Runs the program; returns how many of the runs went by steps.
static int run(Pace *pace, Random *random, int runs, int64_t replay_ns) {
  int by_steps = 0;
  for (int i = 0; i < runs; i++) {
    int64_t noise = (int64_t)random_below(random, 100), cold = pace->runs == 0 ? COLD : 1;
    bool steps = pace_by_steps(pace);
    by_steps += steps;
    pace_took(pace, cold * ((steps ? STEPS_NS : replay_ns) + noise));
  }
  return by_steps;
}

static void good_replays_are_kept(void **state) {
  (void)state;
  Random random = random_seeded((uint64_t)clock_now());
  Pace pace = pace_start();
  assert_true(pace_by_steps(&pace));
  assert_int_equal(run(&pace, &random, RUNS, GOOD_NS), 2);
  assert_false(pace_by_steps(&pace));
}

static void slow_replays_are_left(void **state) {
  (void)state;
  Random random = random_seeded((uint64_t)clock_now());
  Pace pace = pace_start();
  run(&pace, &random, RUNS, GOOD_NS);
  int by_steps = run(&pace, &random, RUNS, SLOW_NS);
  assert_in_range(by_steps, RUNS * 9 / 10, RUNS - 1);
  // Some turns of the steps are left; then it is as before.
  run(&pace, &random, RUNS, GOOD_NS);
  assert_int_equal(run(&pace, &random, RUNS, GOOD_NS), 0);
}

static void one_slow_replay_costs_one_turn(void **state) {
  (void)state;
  Random random = random_seeded((uint64_t)clock_now());
  Pace pace = pace_start();
  run(&pace, &random, RUNS, GOOD_NS);
  for (int i = 0; i < 20; i++) {
    assert_int_equal(run(&pace, &random, 1, SLOW_NS), 0);
    assert_int_equal(run(&pace, &random, 1 + (int)random_below(&random, 9) + 1, GOOD_NS), 1);
  }
}

// Of other work nothing is known: no replay is slow.
static void what_is_forgotten_judges_nothing(void **state) {
  (void)state;
  Random random = random_seeded((uint64_t)clock_now());
  Pace pace = pace_start();
  run(&pace, &random, RUNS, GOOD_NS);
  pace_forget(&pace);
  assert_int_equal(run(&pace, &random, RUNS, SLOW_NS), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(good_replays_are_kept),
      cmocka_unit_test(slow_replays_are_left),
      cmocka_unit_test(one_slow_replay_costs_one_turn),
      cmocka_unit_test(what_is_forgotten_judges_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
