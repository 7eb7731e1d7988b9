// SPDX-License-Identifier: Apache-2.0
// The functions of the language on one number, in plain C without any header, library or branch
// that keeps a loop over them from being vectorized. This file is also text: emitted code begins
// with it (mods/emit.h). Floats are float32; errors are in units in the last place of the result.
// Needs -fno-math-errno, and nothing of -ffast-math.
#ifndef MOD_PRELUDE
#define MOD_PRELUDE

typedef long long mod_integer;

static inline unsigned long long mod_bits(double x) {
  unsigned long long bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  return bits;
}

static inline double mod_of_bits(unsigned long long bits) {
  double x;
  __builtin_memcpy(&x, &bits, sizeof x);
  return x;
}

// The nearest integer of a magnitude below 2^51.
static inline double mod_nearest(double x) {
  return (x + 0x1.8p52) - 0x1.8p52;
}

static inline double mod_floor(double x) {
  double near = mod_nearest(x), down = near > x ? near - 1 : near;
  return x < 0x1p51 && x > -0x1p51 ? down : x;
}

// 2^x to 2^-31 of itself; 2^+-1000 beyond +-1000. The sum with 1.5 2^52 holds the nearest integer
// in its lowest bits, which become the exponent; the rest is a Taylor series.
static inline double mod_exp2_wide(double x) {
  x = x > 1000 ? 1000 : x;
  x = x < -1000 ? -1000 : x;
  double sum = x + 0x1.8p52, f = x - (sum - 0x1.8p52);
  double scale = mod_of_bits((mod_bits(sum) << 52) + 0x3FF0000000000000ull);
  double p = 1.3215486790144309e-6;
  p = p * f + 1.5252733804059840e-5;
  p = p * f + 1.5403530393381610e-4;
  p = p * f + 1.3333558146428443e-3;
  p = p * f + 9.6181291076284772e-3;
  p = p * f + 5.5504108664821580e-2;
  p = p * f + 2.4022650695910071e-1;
  p = p * f + 6.9314718055994531e-1;
  return (p * f + 1) * scale;
}

// log2 of a float that is not negative, to 2^-38 of itself: with x = 2^e m, m in [sqrt(1/2),
// sqrt(2)] and s = (m - 1) / (m + 1) it is e + 2 / ln 2 (s + s^3 / 3 + s^5 / 5 + ...).
static inline double mod_log2_wide(double x) {
  unsigned long long bits = mod_bits(x);
  double e = mod_of_bits(0x4330000000000000ull | bits >> 52) - (0x1p52 + 1023);
  double m = mod_of_bits((bits & 0x000FFFFFFFFFFFFFull) | 0x3FF0000000000000ull);
  e = m > 1.4142135623730951 ? e + 1 : e;
  m = m > 1.4142135623730951 ? m * 0.5 : m;
  double s = (m - 1) / (m + 1), z = s * s, p = 1.0 / 13;
  p = p * z + 1.0 / 11;
  p = p * z + 1.0 / 9;
  p = p * z + 1.0 / 7;
  p = p * z + 1.0 / 5;
  p = p * z + 1.0 / 3;
  double value = e + 2.8853900817779268 * (s + s * z * p);
  value = x == 0 ? -__builtin_inf() : value;
  return x < __builtin_inf() ? value : x; // infinity and NaN
}

// Within 1 ulp, as the three after it.
static inline float mod_exp(float x) {
  return (float)mod_exp2_wide(x * 1.4426950408889634);
}

static inline float mod_exp2(float x) {
  return (float)mod_exp2_wide(x);
}

static inline float mod_log(float x) {
  float value = (float)(mod_log2_wide(x) * 0.69314718055994531);
  return x < 0 ? __builtin_nanf("") : value;
}

// IEEE 754's pow.
static inline float mod_power(float x, float y) {
  double size = x < 0 ? -(double)x : x, whole = mod_floor(y), half = mod_floor(whole * 0.5);
  double value = mod_exp2_wide(y * mod_log2_wide(size));
  int odd = whole == y && half * 2 != whole, fraction = whole != y;
  int negative = mod_bits(x) >> 63 != 0;
  value = negative && odd ? -value : value;
  value = x < 0 && fraction && size < __builtin_inf() ? __builtin_nan("") : value;
  int one = y == 0 || x == 1 || (x == -1 && (y == __builtin_inff() || y == -__builtin_inff()));
  return one ? 1 : (float)value;
}

// Within 3 ulp: with e = exp(-2 |x|) - 1, whose small values keep their digits, it is -e / (2 + e).
// As above, the sum holds n, and exp(-2 |x|) = 2^n (1 + q).
static inline float mod_tanh(float x) {
  float a = __builtin_fabsf(x), t = (a > 10 ? 10 : a) * -2, scale;
  float sum = t * 1.44269504f + 0x1.8p23f, n = sum - 0x1.8p23f;
  float f = t - n * 0x1.62e4p-1f - n * 1.42860677e-6f;
  unsigned bits;
  __builtin_memcpy(&bits, &sum, sizeof bits);
  bits = (bits << 23) + 0x3F800000u;
  __builtin_memcpy(&scale, &bits, sizeof scale);
  float q = 1.98412698e-4f;
  q = q * f + 1.38888889e-3f;
  q = q * f + 8.33333333e-3f;
  q = q * f + 4.16666667e-2f;
  q = q * f + 1.66666667e-1f;
  q = q * f + 0.5f;
  q = q * f * f + f;
  float e = q * scale + (scale - 1);
  return __builtin_copysignf(-e / (2 + e), x);
}

static inline float mod_sqrt(float x) {
  return __builtin_sqrtf(x);
}

static inline float mod_abs(float x) {
  return __builtin_fabsf(x);
}

static inline float mod_minimum(float x, float y) {
  float least = y < x ? y : x;
  return y != y ? y : least;
}

static inline float mod_maximum(float x, float y) {
  float most = y > x ? y : x;
  return y != y ? y : most;
}

// What is left of x after whole multiples of y, towards zero; exact: quotients are cut to 24 bits
// until one of them is whole.
static inline double mod_rest(double x, double y) {
  double size = y < 0 ? -y : y;
  for (;;) {
    double quotient = x / y, magnitude = quotient < 0 ? -quotient : quotient;
    if (magnitude < 1) return x;
    if (!(magnitude < __builtin_inf())) return __builtin_nan(""); // by 0, of infinity, NaN
    if (magnitude < 0x1p26) return x - (double)(mod_integer)quotient * y;
    unsigned long long cut = mod_bits(magnitude) & ~0x1FFFFFFFull;
    x = x < 0 ? x + mod_of_bits(cut) * size : x - mod_of_bits(cut) * size;
  }
}

// Python's x % y, exact but for one rounding: the sign is that of y.
static inline float mod_remainder(float x, float y) {
  double rest = mod_rest(x, y);
  rest = rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
  return rest == 0 ? __builtin_copysignf(0, y) : (float)rest;
}

// Python's x // y; x / y where y is 0.
static inline float mod_floor_divide(float x, float y) {
  if (y == 0) return x / y;
  double rest = mod_rest(x, y), quotient = ((double)x - rest) / y;
  quotient = rest != 0 && (rest < 0) != (y < 0) ? quotient - 1 : quotient;
  double near = mod_floor(quotient + 0.5);
  return (float)near;
}

static inline mod_integer mod_to_integer(float x) {
  if (x != x) return 0;
  if (x >= 0x1p63f) return 0x7FFFFFFFFFFFFFFFll;
  return x < -0x1p63f ? -0x7FFFFFFFFFFFFFFFll - 1 : (mod_integer)x;
}

// Integers: Python's, 0 where y is 0. They are proved not to overflow before they are evaluated.
static inline mod_integer mod_integer_floor_divide(mod_integer x, mod_integer y) {
  if (y == 0) return 0;
  if (y == -1) return (mod_integer)(0 - (unsigned long long)x);
  return x / y - (x % y != 0 && (x < 0) != (y < 0));
}

static inline mod_integer mod_integer_remainder(mod_integer x, mod_integer y) {
  if (y == 0 || y == -1) return 0;
  mod_integer rest = x % y;
  return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
}

// The same of ints, without a division that no vector has: the quotient is exact in double, or
// farther from a wrong integer than rounding goes.
static inline int mod_int_floor_of(double quotient) {
  double near = mod_nearest(quotient);
  return (int)(near > quotient ? near - 1 : near);
}

static inline int mod_int_floor_divide(int x, int y) {
  return y == 0 ? 0 : mod_int_floor_of((double)x / (y == 0 ? 1 : y));
}

static inline int mod_int_remainder(int x, int y) {
  unsigned rest = (unsigned)x - (unsigned)mod_int_floor_divide(x, y) * (unsigned)y;
  return y == 0 ? 0 : (int)rest;
}

static inline mod_integer mod_integer_power(mod_integer x, mod_integer exponent) {
  unsigned long long result = 1, base = (unsigned long long)x;
  for (; exponent > 0; exponent /= 2, base *= base)
    if (exponent % 2) result *= base;
  return (mod_integer)result;
}

static inline mod_integer mod_integer_abs(mod_integer x) {
  return x < 0 ? (mod_integer)(0 - (unsigned long long)x) : x;
}

#endif
