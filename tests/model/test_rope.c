// SPDX-License-Identifier: Apache-2.0
// Frequencies and tables against the formulas in double precision.
#include "../kernels/guarded.h"
#include "model/rope.h"

enum { MOST_PAIRS = 64 };

static double default_frequency(const RopeConfig *rope, int64_t k, double theta) {
  return pow(theta, -2.0 * (double)k / (double)rope->dimensions);
}

static double clamp(double x, double low, double high) {
  return x < low ? low : x > high ? high : x;
}

static double llama3_frequency(const RopeConfig *rope, double frequency) {
  double wavelength = 2.0 * M_PI / frequency, original = (double)rope->original_positions;
  double low = rope->low_frequency_factor, high = rope->high_frequency_factor;
  double smooth = clamp((original / wavelength - low) / (high - low), 0.0, 1.0);
  return (1.0 - smooth) * frequency / rope->factor + smooth * frequency;
}

static double yarn_turn(const RopeConfig *rope, double rotations) {
  double original = (double)rope->original_positions;
  return (double)rope->dimensions * log(original / (2.0 * M_PI * rotations)) /
         (2.0 * log(rope->theta));
}

static double yarn_frequency(const RopeConfig *rope, int64_t k, double frequency) {
  double low = yarn_turn(rope, rope->beta_fast), high = yarn_turn(rope, rope->beta_slow);
  if (rope->truncate) low = floor(low), high = ceil(high);
  low = fmax(low, 0.0), high = fmin(high, (double)rope->dimensions - 1.0);
  if (low == high) high += 0.001;
  double ramp = clamp(((double)k - low) / (high - low), 0.0, 1.0);
  return frequency / rope->factor * ramp + frequency * (1.0 - ramp);
}

static double expected(const RopeConfig *rope, int64_t length, int64_t k) {
  double frequency = default_frequency(rope, k, rope->theta);
  double d = (double)rope->dimensions, n = (double)length, most = (double)rope->original_positions;
  switch (rope->kind) {
  case ROPE_LINEAR: return frequency / rope->factor;
  case ROPE_LLAMA3: return llama3_frequency(rope, frequency);
  case ROPE_YARN: return yarn_frequency(rope, k, frequency);
  case ROPE_FACTORS: return frequency / (double)rope->factors[k];
  case ROPE_DYNAMIC:
    n = fmax(n, most);
    return default_frequency(
        rope, k, rope->theta * pow(rope->factor * n / most - (rope->factor - 1.0), d / (d - 2.0)));
  default: return frequency;
  }
}

static RopeConfig random_config(Random *random, RopeKind kind, const float *factors) {
  return (RopeConfig){.kind = kind,
                      .dimensions = 2 * (2 + (int64_t)random_below(random, MOST_PAIRS - 1)),
                      .theta = pow(10.0, 3.0 + 3.0 * random_unit(random)),
                      .factor = 1.5 + 8.0 * random_unit(random),
                      .original_positions = 32 + (int64_t)random_below(random, 4096),
                      .low_frequency_factor = 1.0 + random_unit(random),
                      .high_frequency_factor = 4.0 + random_unit(random),
                      .beta_fast = 16.0 + 32.0 * random_unit(random),
                      .beta_slow = 0.5 + random_unit(random),
                      .attention_factor = kind == ROPE_YARN ? 1.0 + random_unit(random) : 1.0,
                      .truncate = random_below(random, 2),
                      .factors = factors};
}

static void test_frequencies(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  float factors[MOST_PAIRS + 1], found[MOST_PAIRS + 1];
  for (int i = 0; i <= MOST_PAIRS; i++) factors[i] = (float)(1.0 + 9.0 * random_unit(&random));
  for (int round = 0; round < 300; round++) {
    RopeKind kind = (RopeKind)(ROPE_DEFAULT + round % (ROPE_FACTORS - ROPE_DEFAULT + 1));
    RopeConfig rope = random_config(&random, kind, factors);
    int64_t length = 1 + (int64_t)random_below(&random, 10000);
    memset(found, GUARD_POISON, sizeof found);
    rope_frequencies(&rope, length, found);
    for (int64_t k = 0; k < rope.dimensions / 2; k++) {
      double reference = expected(&rope, length, k);
      // Where yarn's ramp has no width one rounding decides between two values: look at no more.
      if (!(fabs((double)found[k] - reference) <= 4e-6 * reference))
        fail_msg("kind %d, pair %lld of %lld: %g, expected %g", (int)kind, (long long)k,
                 (long long)rope.dimensions / 2, (double)found[k], reference);
    }
  }
}

// One row of the tables, with angles rounded to float32 as the reference rounds them.
static void check_row(const Rope *rope, const RopeConfig *config, int64_t length,
                      int64_t position) {
  float frequencies[MOST_PAIRS + 1];
  rope_frequencies(config, length, frequencies);
  Tensor cosine = rope_cosine(rope), sine = rope_sine(rope);
  int64_t pairs = cosine.shape[1];
  const float *c = (float *)cosine.data + position * pairs;
  const float *s = (float *)sine.data + position * pairs;
  for (int64_t k = 0; k < pairs; k++) {
    double angle = (double)((float)position * frequencies[k]), a = config->attention_factor;
    assert_true(fabs((double)c[k] - a * cos(angle)) <= 3e-7);
    assert_true(fabs((double)s[k] - a * sin(angle)) <= 3e-7);
  }
}

static void test_tables(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  for (int round = 0; round < 30; round++) {
    RopeConfig config = random_config(&random, round % 2 ? ROPE_DEFAULT : ROPE_YARN, NULL);
    Rope *rope = rope_open(&config, 200);
    int64_t begin = 0;
    while (begin < 200) {
      int64_t end = begin + 1 + (int64_t)random_below(&random, (uint64_t)(200 - begin));
      rope_prepare(rope, begin, end);
      for (int64_t position = 0; position < end; position++)
        check_row(rope, &config, end, position);
      begin = end;
    }
    rope_close(rope);
  }
}

// A key keeps the rotation of the step that wrote it; new rows are made for the step's own length;
// a new, short sequence starts afresh.
static void test_dynamic(void **state) {
  (void)state;
  RopeConfig config = {.kind = ROPE_DYNAMIC,
                       .dimensions = 16,
                       .theta = 1e4,
                       .factor = 2.0,
                       .original_positions = 32,
                       .attention_factor = 1.0};
  Rope *rope = rope_open(&config, 100);
  for (int sequence = 0; sequence < 2; sequence++) {
    rope_prepare(rope, 0, 20);
    for (int64_t position = 0; position < 20; position++) check_row(rope, &config, 20, position);
    rope_prepare(rope, 20, 40);
    for (int64_t position = 20; position < 40; position++) check_row(rope, &config, 40, position);
    for (int64_t end = 41; end <= 100; end++) {
      rope_prepare(rope, end - 1, end);
      check_row(rope, &config, end, end - 1);
    }
  }
  rope_close(rope);
}

static void test_none(void **state) {
  (void)state;
  RopeConfig config = {.kind = ROPE_NONE};
  Rope *rope = rope_open(&config, 10);
  rope_prepare(rope, 0, 10);
  Tensor cosine = rope_cosine(rope);
  assert_int_equal(cosine.shape[1], 0);
  rope_close(rope);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_frequencies),
      cmocka_unit_test(test_tables),
      cmocka_unit_test(test_dynamic),
      cmocka_unit_test(test_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
