// SPDX-License-Identifier: Apache-2.0
// The choice of the tuner, on a clock that the trials move themselves: what is clearly faster wins,
// what noise explains does not.
#include "../kernels/guarded.h"
#include "compile/tuner.h"

enum { MICROSECOND = 1000, LIMIT = 20 * 1000 * MICROSECOND };

static int64_t fake_time;
static Random random_state;
static bool noisy;

static int64_t fake_now(void) {
  return fake_time;
}

typedef struct {
  double cost, spread; // nanoseconds; of the noise, relative
  double drift;        // how much dearer each call of any trial is than the last
  int runs;
} Fake;

static double disturbance = 1; // of the machine: what all calls take longer

// Noise only adds, now and then much, as other processes do.
static void run(void *trial) {
  Fake *fake = trial;
  double added = noisy ? fake->spread * fabs(random_normal(&random_state)) : 0;
  if (noisy && random_below(&random_state, 20) == 0) added *= 20;
  fake_time += (int64_t)(fake->cost * disturbance * (1 + added));
  disturbance *= 1 + fake->drift;
  fake->runs++;
}

static Tuner begin(TuningRecord *record, Fake *standard, Fake *same) {
  Tuner plan = {
      .run = run, .now = fake_now, .trial_ns = 300 * MICROSECOND, .deadline = fake_time + LIMIT};
  *record = (TuningRecord){0};
  disturbance = 1;
  return tuner_begin(&plan, record, "standard", standard, same);
}

static void the_faster_wins(void **state) {
  (void)state;
  TuningRecord record;
  Fake standard = {.cost = 9000}, same = standard, faster = {.cost = 8000}, slower = {.cost = 9500},
       little = {.cost = 7960};
  noisy = false;
  fake_time = 5;
  Tuner tuner = begin(&record, &standard, &same);
  assert_int_equal(record.count, 1);
  assert_string_equal(record.candidates[0].name, "standard");
  assert_true(record.candidates[0].ratio == 1 && record.candidates[0].low == 1);
  assert_true(tuner_wants(&tuner, "faster"));
  assert_true(tuner_try(&tuner, "faster", &faster));
  assert_ptr_equal(tuner.best, &faster);
  assert_int_equal(record.winner, 1);
  assert_float_equal(record.candidates[1].ratio, 8.0 / 9.0, 1e-9);
  assert_int_equal(record.candidates[1].median_ns, 8000);
  assert_true(record.candidates[1].count >= 3);
  assert_false(tuner_wants(&tuner, "faster")); // known by now
  assert_false(tuner_try(&tuner, "slower", &slower));
  assert_false(tuner_try(&tuner, "little", &little)); // half a percent is no reason for a change
  assert_ptr_equal(tuner.best, &faster);
  assert_int_equal(record.winner, 1);
  assert_int_equal(record.count, 4);
  assert_true(record.candidates[2].ratio > 1);
}

static void an_interval_that_reaches_one_is_no_reason(void **state) {
  (void)state;
  random_state = random_seeded(fresh_seed());
  noisy = true;
  int wrong = 0, found = 0;
  enum { TRIALS = 60 };
  for (int i = 0; i < TRIALS; i++) {
    TuningRecord record;
    Fake standard = {.cost = 9000, .spread = 0.05, .drift = i % 3 ? 0 : 0.001}, same = standard;
    Fake equal = standard, half = standard, far = standard;
    half.cost /= 2;
    far.cost *= 1.1;
    Tuner tuner = begin(&record, &standard, &same);
    wrong += tuner_try(&tuner, "equal", &equal);
    if (tuner_try(&tuner, "far", &far)) fail_msg("a tenth slower was taken, trial %d", i);
    found += tuner_try(&tuner, "half", &half);
    assert_string_equal(record.candidates[record.winner].name, tuner.best == &half    ? "half"
                                                               : tuner.best == &equal ? "equal"
                                                                                      : "standard");
  }
  if (wrong > TRIALS / 15) fail_msg("of two equal ones the other was taken %d times", wrong);
  if (found < TRIALS - TRIALS / 15) fail_msg("half the time was found %d times only", found);
}

static void there_is_an_end(void **state) {
  (void)state;
  TuningRecord record;
  Fake standard = {.cost = 9000}, same = standard, other = {.cost = 9000};
  noisy = false;
  fake_time = 0;
  Tuner tuner = begin(&record, &standard, &same);
  tuner.deadline = fake_time + 1000 * (int64_t)LIMIT;
  for (int i = 1; i < TUNING_MOST_CANDIDATES; i++) {
    char name[TUNING_NAME];
    snprintf(name, sizeof name, "candidate %d", i);
    assert_true(tuner_wants(&tuner, name));
    assert_false(tuner_try(&tuner, name, &other));
  }
  assert_false(tuner_wants(&tuner, "one more"));
  tuner = begin(&record, &standard, &same);
  assert_true(tuner_wants(&tuner, "in time"));
  fake_time = tuner.deadline + 1;
  assert_false(tuner_wants(&tuner, "late"));
}

// What a long call costs is bounded: a few calls a side, whatever trial_ns says.
static void long_calls_are_few(void **state) {
  (void)state;
  TuningRecord record;
  Fake standard = {.cost = 1e9}, same = standard, other = standard;
  noisy = false;
  fake_time = 0;
  Tuner tuner = begin(&record, &standard, &same);
  assert_false(tuner_try(&tuner, "other", &other));
  assert_in_range(other.runs, 3, 8);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_faster_wins),
                                     cmocka_unit_test(an_interval_that_reaches_one_is_no_reason),
                                     cmocka_unit_test(there_is_an_end),
                                     cmocka_unit_test(long_calls_are_few)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
