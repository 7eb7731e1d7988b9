// SPDX-License-Identifier: Apache-2.0
// The functions of the language on several numbers at once, in C with vector extensions; what
// they mean, and their errors, are those of mods/prelude.h. This file is also text: emitted code
// over vectors begins with both (mods/emit.h). A truth value is a mask: an int of 0 or -1.
#ifndef MOD_VECTOR_PRELUDE
#define MOD_VECTOR_PRELUDE

#ifndef MOD_PRELUDE
#include "mods/prelude.h"
#endif

#ifndef MOD_LANES
#define MOD_LANES 4
#endif

#define MOD_VECTOR(BYTES) __attribute__((vector_size(BYTES)))
#define MOD_INLINE static inline __attribute__((always_inline))
#define MOD_FLOAT_BYTES (4 * MOD_LANES)

typedef float ModFloats MOD_VECTOR(MOD_FLOAT_BYTES);
typedef int ModInts MOD_VECTOR(MOD_FLOAT_BYTES);
typedef unsigned ModWords MOD_VECTOR(MOD_FLOAT_BYTES);
// As they lie in memory.
typedef float ModLooseFloats __attribute__((vector_size(MOD_FLOAT_BYTES), aligned(4), may_alias));
typedef int ModLooseInts __attribute__((vector_size(MOD_FLOAT_BYTES), aligned(4), may_alias));
// Half as many, and those half as many in twice the width.
typedef float ModHalfFloats __attribute__((vector_size(2 * MOD_LANES)));
typedef int ModHalfInts __attribute__((vector_size(2 * MOD_LANES)));
typedef double ModReals MOD_VECTOR(MOD_FLOAT_BYTES);
typedef long long ModWides MOD_VECTOR(MOD_FLOAT_BYTES);
typedef unsigned long long ModWideWords MOD_VECTOR(MOD_FLOAT_BYTES);

typedef struct {
  ModWides low, high;
} ModLongs;

typedef union {
  ModFloats whole;
  ModHalfFloats half[2];
  float lane[MOD_LANES];
} ModFloatParts;

typedef union {
  ModInts whole;
  ModHalfInts half[2];
  int lane[MOD_LANES];
} ModIntParts;

typedef union {
  ModLongs whole;
  long long lane[MOD_LANES];
} ModLongParts;

#if MOD_LANES == 4
#define MOD_SAME(X)                                                                                \
  { X, X, X, X }
#define MOD_COUNT                                                                                  \
  { 0, 1, 2, 3 }
#define MOD_SAME_HALF(X)                                                                           \
  { X, X }
#elif MOD_LANES == 8
#define MOD_SAME(X)                                                                                \
  { X, X, X, X, X, X, X, X }
#define MOD_COUNT                                                                                  \
  { 0, 1, 2, 3, 4, 5, 6, 7 }
#define MOD_SAME_HALF(X)                                                                           \
  { X, X, X, X }
#else
#define MOD_SAME(X)                                                                                \
  { X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X }
#define MOD_COUNT                                                                                  \
  { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 }
#define MOD_SAME_HALF(X)                                                                           \
  { X, X, X, X, X, X, X, X }
#endif

MOD_INLINE ModFloats mod_same_float(float x) {
  return (ModFloats)MOD_SAME(x);
}

MOD_INLINE ModInts mod_same_int(int x) {
  return (ModInts)MOD_SAME(x);
}

MOD_INLINE ModReals mod_same_real(double x) {
  return (ModReals)MOD_SAME_HALF(x);
}

MOD_INLINE ModWides mod_same_wide(long long x) {
  return (ModWides)MOD_SAME_HALF(x);
}

MOD_INLINE ModLongs mod_same_long(long long x) {
  return (ModLongs){mod_same_wide(x), mod_same_wide(x)};
}

// first, first + 1, ...
MOD_INLINE ModInts mod_count_from(int first) {
  return mod_same_int(first) + (ModInts)MOD_COUNT;
}

MOD_INLINE ModInts mod_choose_ints(ModInts mask, ModInts x, ModInts y) {
#if MOD_LANES == 8 && defined(__AVX2__)
  return (ModInts)__builtin_ia32_blendvps256((ModFloats)y, (ModFloats)x, (ModFloats)mask);
#else
  return (mask & x) | (~mask & y);
#endif
}

MOD_INLINE ModFloats mod_choose_floats(ModInts mask, ModFloats x, ModFloats y) {
  return (ModFloats)mod_choose_ints(mask, (ModInts)x, (ModInts)y);
}

MOD_INLINE ModReals mod_choose_reals(ModWides mask, ModReals x, ModReals y) {
#if MOD_LANES == 8 && defined(__AVX2__)
  return __builtin_ia32_blendvpd256(y, x, (ModReals)mask);
#else
  return (ModReals)((mask & (ModWides)x) | (~mask & (ModWides)y));
#endif
}

// The larger; y where either is a NaN.
MOD_INLINE ModFloats mod_larger(ModFloats x, ModFloats y) {
#if MOD_LANES == 8 && defined(__AVX2__)
  return __builtin_ia32_maxps256(x, y);
#else
  return mod_choose_floats(x > y, x, y);
#endif
}

MOD_INLINE float mod_largest(ModFloats x) {
  ModFloatParts parts = {x};
  float largest = parts.lane[0];
  for (int i = 1; i < MOD_LANES; i++) largest = parts.lane[i] > largest ? parts.lane[i] : largest;
  return largest;
}

MOD_INLINE ModFloats mod_load_floats(const float *x) {
  return *(const ModLooseFloats *)x;
}

MOD_INLINE ModInts mod_load_ints(const int *x) {
  return *(const ModLooseInts *)x;
}

MOD_INLINE void mod_store_floats(float *y, ModFloats x) {
  *(ModLooseFloats *)y = x;
}

MOD_INLINE void mod_store_ints(int *y, ModInts x) {
  *(ModLooseInts *)y = x;
}

MOD_INLINE ModInts mod_load_bools(const unsigned char *x) {
  ModIntParts parts;
  for (int i = 0; i < MOD_LANES; i++) parts.lane[i] = -(x[i] != 0);
  return parts.whole;
}

// The first `count` alone are touched; the others are the first.
MOD_INLINE ModFloats mod_load_some_floats(const float *x, long long count) {
  if (count >= MOD_LANES) return mod_load_floats(x);
  ModFloatParts parts;
  for (int i = 0; i < MOD_LANES; i++) parts.lane[i] = x[i < count ? i : 0];
  return parts.whole;
}

MOD_INLINE ModInts mod_load_some_ints(const int *x, long long count) {
  if (count >= MOD_LANES) return mod_load_ints(x);
  ModIntParts parts;
  for (int i = 0; i < MOD_LANES; i++) parts.lane[i] = x[i < count ? i : 0];
  return parts.whole;
}

MOD_INLINE ModInts mod_load_some_bools(const unsigned char *x, long long count) {
  ModIntParts parts;
  for (int i = 0; i < MOD_LANES; i++) parts.lane[i] = -(x[i < count ? i : 0] != 0);
  return parts.whole;
}

MOD_INLINE void mod_store_some_floats(float *y, ModFloats x, long long count) {
  ModFloatParts parts = {x};
  if (count >= MOD_LANES) {
    mod_store_floats(y, x);
    return;
  }
  for (int i = 0; i < count; i++) y[i] = parts.lane[i];
}

// array[index], by the type of its elements; `far`: of long indices.
#define MOD_GATHER(NAME, FAR_NAME, ELEMENT, OUT, PARTS, VALUE)                                     \
  MOD_INLINE OUT NAME(const ELEMENT *array, ModInts index) {                                       \
    ModIntParts at = {index};                                                                      \
    PARTS parts;                                                                                   \
    for (int i = 0; i < MOD_LANES; i++) parts.lane[i] = VALUE;                                     \
    return parts.whole;                                                                            \
  }                                                                                                \
  MOD_INLINE OUT FAR_NAME(const ELEMENT *array, ModLongs index) {                                  \
    ModLongParts at = {index};                                                                     \
    PARTS parts;                                                                                   \
    for (int i = 0; i < MOD_LANES; i++) parts.lane[i] = VALUE;                                     \
    return parts.whole;                                                                            \
  }

MOD_GATHER(mod_gather_floats, mod_gather_far_floats, float, ModFloats, ModFloatParts,
           array[at.lane[i]])

MOD_GATHER(mod_gather_ints, mod_gather_far_ints, int, ModInts, ModIntParts, array[at.lane[i]])

MOD_GATHER(mod_gather_longs, mod_gather_far_longs, long long, ModLongs, ModLongParts,
           array[at.lane[i]])

MOD_GATHER(mod_gather_bools, mod_gather_far_bools, unsigned char, ModInts, ModIntParts,
           -(array[at.lane[i]] != 0))

// Of each lane by the function on one number.
#define MOD_EACH(NAME, OUT, OUT_PARTS, IN, IN_PARTS, VALUE)                                        \
  MOD_INLINE OUT NAME(IN x, IN y) {                                                                \
    IN_PARTS a = {x}, b = {y};                                                                     \
    OUT_PARTS parts;                                                                               \
    for (int i = 0; i < MOD_LANES; i++) parts.lane[i] = VALUE(a.lane[i], b.lane[i]);               \
    return parts.whole;                                                                            \
  }

MOD_EACH(mod_powers, ModFloats, ModFloatParts, ModFloats, ModFloatParts, mod_power)

MOD_EACH(mod_float_remainders, ModFloats, ModFloatParts, ModFloats, ModFloatParts, mod_remainder)

MOD_EACH(mod_float_floor_divides, ModFloats, ModFloatParts, ModFloats, ModFloatParts,
         mod_floor_divide)

MOD_EACH(mod_long_floor_divides, ModLongs, ModLongParts, ModLongs, ModLongParts,
         mod_integer_floor_divide)

MOD_EACH(mod_long_remainders, ModLongs, ModLongParts, ModLongs, ModLongParts, mod_integer_remainder)

MOD_EACH(mod_long_powers, ModLongs, ModLongParts, ModLongs, ModLongParts, mod_integer_power)

MOD_INLINE ModFloats mod_square_roots(ModFloats x) {
#if MOD_LANES == 8 && defined(__AVX2__)
  return __builtin_ia32_sqrtps256(x);
#else
  ModFloatParts parts = {x};
  for (int i = 0; i < MOD_LANES; i++) parts.lane[i] = __builtin_sqrtf(parts.lane[i]);
  return parts.whole;
#endif
}

MOD_INLINE ModLongs mod_to_longs(ModFloats x) {
  ModFloatParts from = {x};
  ModLongParts parts;
  for (int i = 0; i < MOD_LANES; i++) parts.lane[i] = mod_to_integer(from.lane[i]);
  return parts.whole;
}

MOD_INLINE ModFloats mod_longs_to_floats(ModLongs x) {
  ModLongParts from = {x};
  ModFloatParts parts;
  for (int i = 0; i < MOD_LANES; i++) parts.lane[i] = (float)from.lane[i];
  return parts.whole;
}

MOD_INLINE ModInts mod_longs_to_ints(ModLongs x) {
  ModIntParts parts;
  parts.half[0] = __builtin_convertvector(x.low, ModHalfInts);
  parts.half[1] = __builtin_convertvector(x.high, ModHalfInts);
  return parts.whole;
}

MOD_INLINE ModLongs mod_ints_to_longs(ModInts x) {
  ModIntParts parts = {x};
  return (ModLongs){__builtin_convertvector(parts.half[0], ModWides),
                    __builtin_convertvector(parts.half[1], ModWides)};
}

MOD_INLINE ModFloats mod_ints_to_floats(ModInts x) {
  return __builtin_convertvector(x, ModFloats);
}

#define MOD_LONG_OPERATION(NAME, OPERATOR)                                                         \
  MOD_INLINE ModLongs NAME(ModLongs x, ModLongs y) {                                               \
    return (ModLongs){x.low OPERATOR y.low, x.high OPERATOR y.high};                               \
  }

MOD_LONG_OPERATION(mod_long_sums, +)

MOD_LONG_OPERATION(mod_long_differences, -)

MOD_LONG_OPERATION(mod_long_products, *)

#define MOD_LONG_COMPARISON(NAME, OPERATOR)                                                        \
  MOD_INLINE ModInts NAME(ModLongs x, ModLongs y) {                                                \
    return mod_longs_to_ints((ModLongs){x.low OPERATOR y.low, x.high OPERATOR y.high});            \
  }

MOD_LONG_COMPARISON(mod_longs_equal, ==)

MOD_LONG_COMPARISON(mod_longs_differ, !=)

MOD_LONG_COMPARISON(mod_longs_less, <)

MOD_LONG_COMPARISON(mod_longs_at_most, <=)

MOD_INLINE ModLongs mod_choose_longs(ModInts mask, ModLongs x, ModLongs y) {
  ModLongs wide = mod_ints_to_longs(mask);
  return (ModLongs){(wide.low & x.low) | (~wide.low & y.low),
                    (wide.high & x.high) | (~wide.high & y.high)};
}

MOD_INLINE ModLongs mod_long_negated(ModLongs x) {
  return (ModLongs){-x.low, -x.high};
}

MOD_INLINE ModLongs mod_long_minimums(ModLongs x, ModLongs y) {
  return mod_choose_longs(mod_longs_less(x, y), x, y);
}

MOD_INLINE ModLongs mod_long_maximums(ModLongs x, ModLongs y) {
  return mod_choose_longs(mod_longs_less(y, x), x, y);
}

MOD_INLINE ModLongs mod_long_sizes(ModLongs x) {
  return mod_long_maximums(x, mod_long_negated(x));
}

MOD_INLINE ModInts mod_int_minimums(ModInts x, ModInts y) {
  return mod_choose_ints(x < y, x, y);
}

MOD_INLINE ModInts mod_int_maximums(ModInts x, ModInts y) {
  return mod_choose_ints(x > y, x, y);
}

MOD_INLINE ModInts mod_int_sizes(ModInts x) {
  return (x ^ (x >> 31)) - (x >> 31);
}

MOD_INLINE ModFloats mod_sizes(ModFloats x) {
  return (ModFloats)((ModInts)x & mod_same_int(0x7FFFFFFF));
}

MOD_INLINE ModFloats mod_negated(ModFloats x) {
  return (ModFloats)((ModInts)x ^ mod_same_int(-0x7FFFFFFF - 1));
}

MOD_INLINE ModFloats mod_minimums(ModFloats x, ModFloats y) {
  return mod_choose_floats((y < x) | (y != y), y, x);
}

MOD_INLINE ModFloats mod_maximums(ModFloats x, ModFloats y) {
  return mod_choose_floats((y > x) | (y != y), y, x);
}

MOD_INLINE ModReals mod_nearests(ModReals x) {
  return (x + mod_same_real(0x1.8p52)) - mod_same_real(0x1.8p52);
}

// The largest integers below quotients of ints.
MOD_INLINE ModHalfInts mod_int_floors_of(ModReals quotient) {
  ModReals near = mod_nearests(quotient);
  near = mod_choose_reals(near > quotient, near - mod_same_real(1), near);
  return __builtin_convertvector(near, ModHalfInts);
}

MOD_INLINE ModInts mod_int_floor_divides(ModInts x, ModInts y) {
  ModIntParts a = {x}, b = {mod_choose_ints(y == mod_same_int(0), mod_same_int(1), y)};
  ModIntParts quotient;
  quotient.half[0] = mod_int_floors_of(__builtin_convertvector(a.half[0], ModReals) /
                                       __builtin_convertvector(b.half[0], ModReals));
  quotient.half[1] = mod_int_floors_of(__builtin_convertvector(a.half[1], ModReals) /
                                       __builtin_convertvector(b.half[1], ModReals));
  return quotient.whole & (y != mod_same_int(0));
}

MOD_INLINE ModInts mod_int_remainders(ModInts x, ModInts y) {
  ModWords rest = (ModWords)x - (ModWords)mod_int_floor_divides(x, y) * (ModWords)y;
  return (ModInts)rest & (y != mod_same_int(0));
}

// By one number: the quotient by its reciprocal is farther from a wrong integer than the
// reciprocal's rounding goes, as (x + 1/2) / y lies 1 / 2y inside the right interval.
MOD_INLINE ModInts mod_int_floor_divides_by(ModInts x, int y) {
  const double reciprocal = y == 0 ? 0 : 1.0 / y, half = y < 0 ? -0.5 : 0.5;
  ModIntParts a = {x}, quotient;
  quotient.half[0] =
      mod_int_floors_of((__builtin_convertvector(a.half[0], ModReals) + mod_same_real(half)) *
                        mod_same_real(reciprocal));
  quotient.half[1] =
      mod_int_floors_of((__builtin_convertvector(a.half[1], ModReals) + mod_same_real(half)) *
                        mod_same_real(reciprocal));
  return quotient.whole;
}

// The same of numbers below 2^21 in magnitude.
MOD_INLINE ModInts mod_short_floor_divides_by(ModInts x, int y) {
  const float reciprocal = y == 0 ? 0 : 1.0f / (float)y, half = y < 0 ? -0.5f : 0.5f;
  ModFloats quotient = (mod_ints_to_floats(x) + mod_same_float(half)) * mod_same_float(reciprocal);
  ModFloats near = (quotient + mod_same_float(0x1.8p23f)) - mod_same_float(0x1.8p23f);
  near = mod_choose_floats(near > quotient, near - mod_same_float(1), near);
  return __builtin_convertvector(near, ModInts);
}

MOD_INLINE ModInts mod_int_remainders_by(ModInts x, int y) {
  ModInts rest = x - mod_int_floor_divides_by(x, y) * mod_same_int(y);
  return y == 0 ? mod_same_int(0) : rest;
}

MOD_INLINE ModInts mod_short_remainders_by(ModInts x, int y) {
  ModInts rest = x - mod_short_floor_divides_by(x, y) * mod_same_int(y);
  return y == 0 ? mod_same_int(0) : rest;
}

MOD_INLINE ModReals mod_exp2_wides(ModReals x) {
  x = mod_choose_reals(x > mod_same_real(1000), mod_same_real(1000), x);
  x = mod_choose_reals(x < mod_same_real(-1000), mod_same_real(-1000), x);
  ModReals sum = x + mod_same_real(0x1.8p52), f = x - (sum - mod_same_real(0x1.8p52));
  ModReals scale =
      (ModReals)(((ModWideWords)sum << 52) + (ModWideWords)mod_same_wide(0x3FF0000000000000ll));
  ModReals p = mod_same_real(1.3215486790144309e-6);
  p = p * f + mod_same_real(1.5252733804059840e-5);
  p = p * f + mod_same_real(1.5403530393381610e-4);
  p = p * f + mod_same_real(1.3333558146428443e-3);
  p = p * f + mod_same_real(9.6181291076284772e-3);
  p = p * f + mod_same_real(5.5504108664821580e-2);
  p = p * f + mod_same_real(2.4022650695910071e-1);
  p = p * f + mod_same_real(6.9314718055994531e-1);
  return (p * f + mod_same_real(1)) * scale;
}

MOD_INLINE ModReals mod_log2_wides(ModReals x) {
  ModWideWords bits = (ModWideWords)x;
  ModReals e = (ModReals)(bits >> 52 | (ModWideWords)mod_same_wide(0x4330000000000000ll)) -
               mod_same_real(0x1p52 + 1023);
  ModReals m = (ModReals)((bits & (ModWideWords)mod_same_wide(0x000FFFFFFFFFFFFFll)) |
                          (ModWideWords)mod_same_wide(0x3FF0000000000000ll));
  ModWides large = m > mod_same_real(1.4142135623730951);
  e = mod_choose_reals(large, e + mod_same_real(1), e);
  m = mod_choose_reals(large, m * mod_same_real(0.5), m);
  ModReals s = (m - mod_same_real(1)) / (m + mod_same_real(1)), z = s * s;
  ModReals p = mod_same_real(1.0 / 13);
  p = p * z + mod_same_real(1.0 / 11);
  p = p * z + mod_same_real(1.0 / 9);
  p = p * z + mod_same_real(1.0 / 7);
  p = p * z + mod_same_real(1.0 / 5);
  p = p * z + mod_same_real(1.0 / 3);
  ModReals value = e + mod_same_real(2.8853900817779268) * (s + s * z * p);
  value = mod_choose_reals(x == mod_same_real(0), mod_same_real(-__builtin_inf()), value);
  return mod_choose_reals(x < mod_same_real(__builtin_inf()), value, x);
}

#define MOD_BY_HALVES(NAME, VALUE)                                                                 \
  MOD_INLINE ModFloats NAME(ModFloats x) {                                                         \
    ModFloatParts parts = {x};                                                                     \
    ModReals low = __builtin_convertvector(parts.half[0], ModReals);                               \
    ModReals high = __builtin_convertvector(parts.half[1], ModReals);                              \
    parts.half[0] = __builtin_convertvector(VALUE(low), ModHalfFloats);                            \
    parts.half[1] = __builtin_convertvector(VALUE(high), ModHalfFloats);                           \
    return parts.whole;                                                                            \
  }

#define MOD_EXP_OF(X) mod_exp2_wides((X)*mod_same_real(1.4426950408889634))

#define MOD_LOG_OF(X) (mod_log2_wides(X) * mod_same_real(0.69314718055994531))

MOD_BY_HALVES(mod_exps, MOD_EXP_OF)

MOD_BY_HALVES(mod_exp2s, mod_exp2_wides)

MOD_BY_HALVES(mod_logs_of_sizes, MOD_LOG_OF)

MOD_INLINE ModFloats mod_logs(ModFloats x) {
  ModFloats none = mod_same_float(__builtin_nanf(""));
  return mod_choose_floats(x < mod_same_float(0), none, mod_logs_of_sizes(x));
}

MOD_INLINE ModFloats mod_tanhs(ModFloats x) {
  ModFloats a = mod_sizes(x), ten = mod_same_float(10);
  ModFloats t = mod_choose_floats(a > ten, ten, a) * mod_same_float(-2);
  ModFloats sum = t * mod_same_float(1.44269504f) + mod_same_float(0x1.8p23f);
  ModFloats n = sum - mod_same_float(0x1.8p23f);
  ModFloats f = t - n * mod_same_float(0x1.62e4p-1f) - n * mod_same_float(1.42860677e-6f);
  ModFloats scale = (ModFloats)(((ModInts)sum << 23) + mod_same_int(0x3F800000));
  ModFloats q = mod_same_float(1.98412698e-4f);
  q = q * f + mod_same_float(1.38888889e-3f);
  q = q * f + mod_same_float(8.33333333e-3f);
  q = q * f + mod_same_float(4.16666667e-2f);
  q = q * f + mod_same_float(1.66666667e-1f);
  q = q * f + mod_same_float(0.5f);
  q = q * f * f + f;
  ModFloats e = q * scale + (scale - mod_same_float(1));
  ModInts sign = (ModInts)x & mod_same_int(-0x7FFFFFFF - 1);
  return (ModFloats)((ModInts)(mod_negated(e) / (mod_same_float(2) + e)) | sign);
}

#endif
