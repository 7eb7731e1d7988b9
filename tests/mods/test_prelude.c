// SPDX-License-Identifier: Apache-2.0
// The functions that the interpreter and emitted code share, over all kinds of floats: within the
// units in the last place that mods/prelude.h promises, and exact where it says so.
#include "mods/prelude.h"
#include "mods/scalar.h"
#include "random_mod.h"
#include "tensor/half.h"
#include <math.h>

// Distance in units in the last place of float32 at the expected value.
static double units(float found, double expected) {
  if (isnan(expected)) return isnan(found) ? 0 : INFINITY;
  if (isinf((float)expected) || isinf(found)) return found == (float)expected ? 0 : INFINITY;
  if (isnan(found)) return INFINITY;
  int exponent;
  frexp(expected, &exponent);
  return fabs(found - expected) / ldexp(1, (exponent < -125 ? -125 : exponent) - 24);
}

static const float special[] = {0,        -0.0f,    1,           -1,     2,       -2,     3,
                                -3,       0.5f,     -0.5f,       1e-40f, -1e-40f, 3e38f,  -3e38f,
                                16777216, 16777218, -8388609.5f, 0.1f,   -0.1f,   1e-30f, 88.7f,
                                -104,     INFINITY, -INFINITY,   NAN};
enum { SPECIAL = sizeof special / sizeof *special };

static float any_float(Random *random) {
  switch (random_below(random, 3)) {
  case 0: return float_of_bits((uint32_t)random_next(random));
  case 1: return (float)(random_normal(random) * exp(random_normal(random) * 3));
  default: return special[random_below(random, SPECIAL)];
  }
}

typedef struct {
  const char *name;
  float (*found)(float);
  double (*expected)(double);
  double most; // units
} OneArgument;

static void functions_of_one_number(void **state) {
  (void)state;
  static const OneArgument functions[] = {
      {"exp", mod_exp, exp, 1},    {"exp2", mod_exp2, exp2, 1},   {"log", mod_log, log, 1},
      {"tanh", mod_tanh, tanh, 3}, {"sqrt", mod_sqrt, sqrt, 0.5}, {"abs", mod_abs, fabs, 0},
  };
  Random random = random_seeded(random_mod_seed());
  for (size_t f = 0; f < sizeof functions / sizeof *functions; f++)
    for (int i = 0; i < 1000000; i++) {
      float x = i < SPECIAL ? special[i] : any_float(&random);
      double expected = functions[f].expected((double)x);
      double error = units(functions[f].found(x), expected);
      if (!(error <= functions[f].most))
        fail_msg("%s(%.9g): found %.9g, expected %.9g, %.2f units", functions[f].name, (double)x,
                 (double)functions[f].found(x), expected, error);
    }
}

static double meant(ModOperation operation, float x, float y) {
  bool overflow = false;
  ModValue operands[2] = {{.real = (double)x}, {.real = (double)y}};
  return mod_scalar(operation, MOD_FLOAT, operands, &overflow).real;
}

static void check_two(const char *name, ModOperation operation, float found, float x, float y,
                      double most) {
  double expected = meant(operation, x, y), error = units(found, expected);
  if (!(error <= most))
    fail_msg("%s of %.9g and %.9g: found %.9g, expected %.9g, %.2f units", name, (double)x,
             (double)y, (double)found, expected, error);
}

static void functions_of_two_numbers(void **state) {
  (void)state;
  Random random = random_seeded(random_mod_seed());
  for (int i = 0; i < 1000000; i++) {
    bool known = i < SPECIAL * SPECIAL;
    float x = known ? special[i / SPECIAL] : any_float(&random);
    float y = known ? special[i % SPECIAL] : any_float(&random);
    check_two("pow", MOD_POWER, mod_power(x, y), x, y, 1);
    check_two("%", MOD_REMAINDER, mod_remainder(x, y), x, y, 0.5);
    check_two("//", MOD_FLOOR_DIVIDE, mod_floor_divide(x, y), x, y, 0.5);
    check_two("min", MOD_MINIMUM, mod_minimum(x, y), x, y, 0);
    check_two("max", MOD_MAXIMUM, mod_maximum(x, y), x, y, 0);
  }
}

static int64_t meant_of_integers(ModOperation operation, int64_t x, int64_t y, bool *overflow) {
  ModValue operands[2] = {{.integer = x}, {.integer = y}};
  *overflow = false;
  return mod_scalar(operation, MOD_INTEGER, operands, overflow).integer;
}

static int64_t any_integer(Random *random) {
  int64_t value = (int64_t)random_next(random) >> random_below(random, 63);
  return random_below(random, 8) ? value : random_below(random, 2) ? INT64_MIN : INT64_MAX;
}

static void integers_are_exact(void **state) {
  (void)state;
  Random random = random_seeded(random_mod_seed());
  bool overflow;
  for (int i = 0; i < 1000000; i++) {
    int64_t x = any_integer(&random), y = any_integer(&random) >> random_below(&random, 63);
    int64_t quotient = meant_of_integers(MOD_FLOOR_DIVIDE, x, y, &overflow);
    if (!overflow) assert_int_equal(mod_integer_floor_divide(x, y), quotient);
    assert_int_equal(mod_integer_remainder(x, y),
                     meant_of_integers(MOD_REMAINDER, x, y, &overflow));
    int32_t a = (int32_t)(x >> 32), b = (int32_t)y;
    quotient = meant_of_integers(MOD_FLOOR_DIVIDE, a, b, &overflow);
    if (quotient <= INT32_MAX) {
      assert_int_equal(mod_int_floor_divide(a, b), quotient);
      assert_int_equal(mod_int_remainder(a, b), meant_of_integers(MOD_REMAINDER, a, b, &overflow));
    }
    int64_t base = x % 100, exponent = (int64_t)random_below(&random, 12);
    int64_t power = meant_of_integers(MOD_POWER, base, exponent, &overflow);
    if (!overflow) assert_int_equal(mod_integer_power(base, exponent), power);
    float real = any_float(&random);
    ModValue of_real = {.real = (double)real};
    assert_int_equal(mod_to_integer(real),
                     mod_scalar(MOD_TO_INTEGER, MOD_FLOAT, &of_real, &overflow).integer);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(functions_of_one_number),
                                     cmocka_unit_test(functions_of_two_numbers),
                                     cmocka_unit_test(integers_are_exact)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
