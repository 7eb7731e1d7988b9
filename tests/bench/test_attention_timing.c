// SPDX-License-Identifier: Apache-2.0
// The order and number of timed calls, on a clock that the calls move themselves; and what a cell
// computes and moves, recomputed by hand.
#include "bench/attention/cell_work.h"
#include "statistics/timing.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

static int64_t fake_time;
static char log_text[4000]; // a letter for each thing that happened

static void note(char letter) {
  size_t length = strlen(log_text);
  if (length + 1 < sizeof log_text) log_text[length] = letter, log_text[length + 1] = '\0';
}

static int64_t fake_now(void) {
  return fake_time;
}

typedef struct {
  char letter;
  int64_t cost, step; // step: how much longer each call is than the one before
  int runs;
} Fake;

static void run(void *context) {
  Fake *fake = context;
  note(fake->letter);
  fake_time += fake->cost + fake->step * fake->runs++;
}

static void before(void *context) {
  (void)context;
  note('.');
  fake_time += 7;
}

static void flush(void *context) {
  (void)context;
  note('!');
  fake_time += 1000000;
}

enum { MILLISECOND = 1000000 };

typedef struct {
  Fake fakes[3];
  int64_t values[3][TIMING_MOST];
  TimedCall calls[3];
} Bed;

static void bed_make(Bed *bed, int64_t cost) {
  fake_time = 1000;
  log_text[0] = '\0';
  for (int i = 0; i < 3; i++) {
    bed->fakes[i] = (Fake){.letter = (char)('a' + i), .cost = cost};
    bed->calls[i] = (TimedCall){.context = &bed->fakes[i], .run = run, .values_ns = bed->values[i]};
  }
}

static void calls_take_turns_and_the_first_changes(void **state) {
  (void)state;
  Bed bed;
  bed_make(&bed, 20 * MILLISECOND); // longer than a burst: one call a turn, nothing before it
  TimingPlan plan = {.time_ns = 1000 * (int64_t)MILLISECOND, .now = fake_now};
  for (int i = 0; i < 3; i++) bed.calls[i].cost_ns = 20 * MILLISECOND;
  timing_run(&plan, bed.calls, 3);
  // all values are equal: enough after TIMING_ENOUGH
  assert_string_equal(log_text, "abcbcacababcbcacababc");
  for (int i = 0; i < 3; i++) {
    assert_int_equal(bed.calls[i].count, TIMING_ENOUGH);
    for (int j = 0; j < TIMING_ENOUGH; j++) assert_int_equal(bed.values[i][j], 20 * MILLISECOND);
  }
}

static void a_slow_call_is_timed_three_times_however_little_time_there_is(void **state) {
  (void)state;
  Bed bed;
  bed_make(&bed, 9000 * (int64_t)MILLISECOND);
  TimingPlan plan = {.time_ns = MILLISECOND, .now = fake_now};
  bed.calls[0].cost_ns = bed.fakes[0].cost;
  timing_run(&plan, bed.calls, 1);
  assert_int_equal(bed.calls[0].count, TIMING_LEAST);
}

static void noise_asks_for_more_until_the_time_is_used(void **state) {
  (void)state;
  Bed bed;
  bed_make(&bed, 10 * MILLISECOND);
  bed.fakes[0].step = 5 * MILLISECOND; // each call takes longer: never settles
  bed.calls[0].cost_ns = 10 * MILLISECOND;
  TimingPlan plan = {.time_ns = 300 * (int64_t)MILLISECOND, .now = fake_now};
  timing_run(&plan, bed.calls, 1);
  // 10 + 15 + … : the ninth call passes 300 ms with 270, the tenth with 325
  assert_int_equal(bed.calls[0].count, 10);
}

static void short_calls_come_in_bursts_after_an_untimed_one(void **state) {
  (void)state;
  Bed bed;
  bed_make(&bed, MILLISECOND);
  bed.calls[0].cost_ns = MILLISECOND;
  bed.calls[0].before = before;
  TimingPlan plan = {.time_ns = 1000 * (int64_t)MILLISECOND, .now = fake_now};
  timing_run(&plan, bed.calls, 1);
  // a turn: what it begins with, one untimed, four timed (5 ms would fit but for the first ns)
  assert_string_equal(log_text, ".aaaaa.aaaaa");
  assert_int_equal(bed.calls[0].count, 8);
  assert_int_equal(bed.values[0][0], MILLISECOND);
}

static void cold_calls_follow_a_flush_that_is_not_timed(void **state) {
  (void)state;
  Bed bed;
  bed_make(&bed, MILLISECOND);
  TimingPlan plan = {.time_ns = 1000 * (int64_t)MILLISECOND, .now = fake_now, .flush = flush};
  bed.calls[0].cost_ns = bed.calls[1].cost_ns = MILLISECOND;
  timing_run(&plan, bed.calls, 2);
  assert_string_equal(log_text, "!a!b!b!a!a!b!b!a!a!b!b!a!a!b");
  for (int i = 0; i < TIMING_ENOUGH; i++) assert_int_equal(bed.values[0][i], MILLISECOND);
  // a quarter of the time
  bed_make(&bed, 100 * MILLISECOND);
  bed.fakes[0].step = 50 * MILLISECOND;
  timing_run(&plan, bed.calls, 1);
  assert_int_equal(bed.calls[0].count, TIMING_LEAST);
}

static void a_warmup_is_bounded(void **state) {
  (void)state;
  Bed bed;
  bed_make(&bed, MILLISECOND);
  TimingPlan plan = {.warmup = 5, .now = fake_now};
  timing_warm_up(&plan, &bed.calls[0]);
  assert_string_equal(log_text, "aaaaa");
  assert_int_equal(bed.calls[0].cost_ns, MILLISECOND);
  bed_make(&bed, 700 * MILLISECOND);
  timing_warm_up(&plan, &bed.calls[0]);
  assert_string_equal(log_text, "aa"); // over a second after the second
  bed_make(&bed, MILLISECOND);
  plan.warmup = 0;
  timing_warm_up(&plan, &bed.calls[0]);
  assert_string_equal(log_text, "a"); // its cost must be known
}

static void the_summary_is_median_and_distance(void **state) {
  (void)state;
  const int64_t values[] = {10, 12, 11, 100, 9};
  TimingSummary summary = timing_summary(values, 5);
  assert_true(summary.median == 11 && summary.deviation == 1 && summary.least == 9);
  double noise = 1.2533 * 1.4826 * 1 / sqrt(5.0) / 11;
  assert_true(fabs(summary.noise - noise) < 1e-12);
  assert_true(isnan(timing_summary(values, 0).median));
}

static void assert_near(double value, double expected) {
  if (fabs(value - expected) > 1e-9 * fabs(expected)) print_error("%g, not %g\n", value, expected);
  assert_true(fabs(value - expected) <= 1e-9 * fabs(expected));
}

static void work_is_what_the_formulas_say(void **state) {
  (void)state;
  // B 2, Hq 4, Hkv 2, M 3, N 5, D 8: 120 pairs, of which 90 are visible
  AttentionProblem problem = {.batch = 2,
                              .heads = 4,
                              .kv_heads = 2,
                              .queries = 3,
                              .keys = 5,
                              .head_dim = 8,
                              .dtype = DTYPE_BF16};
  CellWork work = cell_work_of(&problem, 90);
  assert_near(work.forward_flops, 2 * 4 * (4 * 3 * 5 * 8 + 2 * 3 * 5) * 0.75);
  assert_near(work.backward_flops, 2.5 * work.forward_flops);
  assert_near(work.forward_bytes, 2 * (2 * 2 * 4 * 3 * 8 + 2 * 2 * 2 * 5 * 8));
  // delta 2 x 192 + 24; dQ and dK/dV 2 x 192 + 24 + 320 each; gradients 192 + 320
  assert_near(work.backward_bytes, 2 * (408 + 728 + 728 + 512));
  // one query reads only the keys that it sees
  problem.queries = 1;
  work = cell_work_of(&problem, 10); // of 40
  assert_near(work.forward_flops, 10 * 34);
  assert_near(work.forward_bytes, 2 * (2 * 2 * 4 * 8 + 2 * 2 * 2 * 5 * 8 * 0.25));
  problem.dtype = DTYPE_F32;
  assert_near(cell_work_of(&problem, 10).forward_bytes, 2 * work.forward_bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(calls_take_turns_and_the_first_changes),
      cmocka_unit_test(a_slow_call_is_timed_three_times_however_little_time_there_is),
      cmocka_unit_test(noise_asks_for_more_until_the_time_is_used),
      cmocka_unit_test(short_calls_come_in_bursts_after_an_untimed_one),
      cmocka_unit_test(cold_calls_follow_a_flush_that_is_not_timed),
      cmocka_unit_test(a_warmup_is_bounded),
      cmocka_unit_test(the_summary_is_median_and_distance),
      cmocka_unit_test(work_is_what_the_formulas_say),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
