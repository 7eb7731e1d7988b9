// SPDX-License-Identifier: Apache-2.0
// A program goes the way that is fastest, looks seldom at the others, and changes when that
// changes.
#include "base/clock.h"
#include "base/random.h"
#include "compile/pace.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

enum { RUNS = 20000 };

typedef struct {
  Pace pace;
  Random random;
  int64_t ns[PACE_WAYS]; // what a run takes now, before noise
  int count[PACE_WAYS];  // runs of each way
} Program;

static Program program_start(bool one_task) {
  uint64_t seed = (uint64_t)clock_now();
  printf("# seed %llu\n", (unsigned long long)seed);
  return (Program){.pace = pace_start(one_task), .random = random_seeded(seed)};
}

static void set(Program *program, int64_t steps, int64_t team, int64_t alone) {
  program->ns[PACE_STEPS] = steps;
  program->ns[PACE_TEAM] = team;
  program->ns[PACE_ALONE] = alone;
}

// Up to 10 % more than it should, and now and then much more.
static void run(Program *program, int runs) {
  for (PaceWay way = PACE_STEPS; way < PACE_WAYS; way++) program->count[way] = 0;
  for (int i = 0; i < runs; i++) {
    int64_t ns = program->ns[program->pace.way];
    ns += ns * (int64_t)random_below(&program->random, 10) / 100;
    if (random_below(&program->random, 1000) == 0) ns *= 20;
    program->count[program->pace.way]++;
    pace_took(&program->pace, ns);
  }
}

static void assert_way(const Program *program, PaceWay way, int runs) {
  assert_in_range(program->count[way], runs * 7 / 10, runs);
}

static void the_fastest_way_is_gone(void **state) {
  (void)state;
  Program program = program_start(true);
  set(&program, 6000, 4000, 9000);
  run(&program, RUNS);
  assert_way(&program, PACE_TEAM, RUNS);
  set(&program, 6000, 300000, 9000); // cores are taken away
  run(&program, RUNS);
  assert_way(&program, PACE_STEPS, RUNS);
  set(&program, 6000, 7000, 5000); // lines travel slowly
  run(&program, RUNS);
  assert_way(&program, PACE_ALONE, RUNS);
  set(&program, 6000, 4000, 9000);
  run(&program, RUNS);
  assert_way(&program, PACE_TEAM, RUNS);
}

// What takes longer and longer, as attention does, is no reason to change.
static void all_may_slow_down(void **state) {
  (void)state;
  Program program = program_start(true);
  for (int i = 0; i < 50; i++) {
    set(&program, 6000 + 500 * i, 4000 + 350 * i, 9000 + 900 * i);
    run(&program, RUNS / 50);
    if (i > 0) assert_in_range(program.count[PACE_TEAM], RUNS / 50 * 7 / 10, RUNS / 50);
  }
}

// One thread is tried neither where operators fork nor where it would take long.
static void one_thread_is_not_always_tried(void **state) {
  (void)state;
  Program forks = program_start(false), large = program_start(true);
  set(&forks, 6000, 4000, 1000);
  run(&forks, RUNS);
  assert_int_equal(forks.count[PACE_ALONE], 0);
  set(&large, 2000000, 1900000, 1000000);
  run(&large, RUNS);
  assert_int_equal(large.count[PACE_ALONE], 0);
}

static void what_is_forgotten_is_looked_at_again(void **state) {
  (void)state;
  Program program = program_start(true);
  set(&program, 6000, 4000, 9000);
  run(&program, RUNS);
  pace_forget(&program.pace);
  assert_int_equal(program.pace.way, PACE_STEPS);
  run(&program, RUNS);
  assert_way(&program, PACE_TEAM, RUNS);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_fastest_way_is_gone),
      cmocka_unit_test(all_may_slow_down),
      cmocka_unit_test(one_thread_is_not_always_tried),
      cmocka_unit_test(what_is_forgotten_is_looked_at_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
