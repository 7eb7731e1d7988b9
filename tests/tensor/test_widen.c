// SPDX-License-Identifier: Apache-2.0
// Every dtype of widen_row against a second, slow reading of the format in double, on random bytes
// at every alignment; narrow_row against tensor/half.h on every kind of float.
#include "base/clock.h"
#include "base/random.h"
#include "tensor/half.h"
#include "tensor/widen.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { ELEMENTS = 4 * 256, MOST_BYTES = ELEMENTS * 8 + 64 };

static double half_value(const uint8_t *at) {
  int bits = at[0] | at[1] << 8, exponent = bits >> 10 & 31, fraction = bits & 1023;
  double sign = bits >> 15 ? -1.0 : 1.0;
  if (exponent == 31) return fraction ? NAN : sign * INFINITY;
  return exponent ? sign * ldexp(1024 + fraction, exponent - 25) : sign * ldexp(fraction, -24);
}

// Bit `index` of a little-endian bit field.
static int bit_of(const uint8_t *bytes, int index) {
  return bytes[index / 8] >> index % 8 & 1;
}

static int nibble(const uint8_t *bytes, int index, int high) {
  return high ? bytes[index] / 16 : bytes[index] % 16;
}

// The eight 6-bit scales and leasts of the K types.
static void sub_scales(const uint8_t *s, int k, int *scale, int *least) {
  *scale = k < 4 ? s[k] % 64 : s[k + 4] % 16 + 16 * (s[k - 4] / 64);
  *least = k < 4 ? s[k + 4] % 64 : s[k + 4] / 16 + 16 * (s[k] / 64);
}

static double small_block_value(Dtype dtype, const uint8_t *b, int i) {
  double d = half_value(b), m = half_value(b + 2);
  int j = i % 16, high = i / 16;
  switch (dtype) {
  case DTYPE_Q4_0: return (nibble(b + 2, j, high) - 8) * d;
  case DTYPE_Q4_1: return nibble(b + 4, j, high) * d + m;
  case DTYPE_Q5_0: return (nibble(b + 6, j, high) + 16 * bit_of(b + 2, i) - 16) * d;
  case DTYPE_Q5_1: return (nibble(b + 8, j, high) + 16 * bit_of(b + 4, i)) * d + m;
  default: return (b[2 + i] < 128 ? b[2 + i] : b[2 + i] - 256) * d; // Q8_0
  }
}

static double large_block_value(Dtype dtype, const uint8_t *b, int i) {
  int k = i / 32, l = i % 32, scale, least;
  if (dtype == DTYPE_Q6_K) {
    int half = i / 128, r = i % 128, quarter = r / 32, s = b[192 + half * 8 + r / 16];
    int low = nibble(b + half * 64, l + 32 * (quarter % 2), quarter / 2);
    int high = b[128 + half * 32 + l] >> 2 * quarter & 3;
    return half_value(b + 208) * (s < 128 ? s : s - 256) * (low + 16 * high - 32);
  }
  sub_scales(b + 4, k, &scale, &least);
  int quant = dtype == DTYPE_Q4_K
                  ? nibble(b + 16, k / 2 * 32 + l, k % 2)
                  : nibble(b + 48, k / 2 * 32 + l, k % 2) + 16 * bit_of(b + 16 + l, k);
  return half_value(b) * scale * quant - half_value(b + 2) * least;
}

static double e4m3_value(int bits) {
  int exponent = bits >> 3 & 15, fraction = bits & 7;
  double sign = bits & 128 ? -1.0 : 1.0;
  if (exponent == 15 && fraction == 7) return NAN;
  return exponent ? sign * ldexp(8 + fraction, exponent - 10) : sign * ldexp(fraction, -9);
}

#define READ(TYPE)                                                                                 \
  ((double)(float)((TYPE *)memcpy(&(TYPE){0}, source + (size_t)i * sizeof(TYPE), sizeof(TYPE)))[0])

static double plain_value(Dtype dtype, const uint8_t *source, int i) {
  uint8_t pair[2] = {0, source[i]};
  switch (dtype) {
  case DTYPE_F32: return READ(float);
  case DTYPE_F64: return READ(double);
  case DTYPE_BF16:
    return float_of_bits((uint32_t)source[2 * i] << 16 | (uint32_t)source[2 * i + 1] << 24);
  case DTYPE_F16: return half_value(source + 2 * i);
  case DTYPE_F8_E5M2: return half_value(pair);
  case DTYPE_F8_E4M3: return e4m3_value(source[i]);
  case DTYPE_I8: return READ(int8_t);
  case DTYPE_U16: return READ(uint16_t);
  case DTYPE_I16: return READ(int16_t);
  case DTYPE_U32: return READ(uint32_t);
  case DTYPE_I32: return READ(int32_t);
  case DTYPE_U64: return READ(uint64_t);
  case DTYPE_I64: return READ(int64_t);
  default: return source[i]; // U8, BOOL
  }
}

static double value_at(Dtype dtype, const uint8_t *source, int i) {
  const DtypeFacts *facts = dtype_facts(dtype);
  const uint8_t *block = source + i / facts->block_elements * facts->block_bytes;
  if (facts->block_elements == 32) return small_block_value(dtype, block, i % 32);
  if (facts->block_elements == 256) return large_block_value(dtype, block, i % 256);
  return plain_value(dtype, source, i);
}

// The rounding of products is relative to the largest term, which cancellation can hide.
static double bound_of(Dtype dtype, const uint8_t *source, int i, double expected) {
  const DtypeFacts *facts = dtype_facts(dtype);
  if (facts->block_elements == 1) return 0;
  double largest = fabs(expected);
  const uint8_t *block = source + i / facts->block_elements * facts->block_bytes;
  if (dtype == DTYPE_Q4_1 || dtype == DTYPE_Q5_1) largest += fabs(half_value(block + 2));
  if (dtype == DTYPE_Q4_K || dtype == DTYPE_Q5_K) largest += fabs(half_value(block + 2)) * 63;
  return largest * 0x1p-22;
}

// Infinite or NaN scales would make every comparison vacuous: their exponent is lowered.
static void tame_halves(Dtype dtype, uint8_t *source, int64_t bytes) {
  const DtypeFacts *facts = dtype_facts(dtype);
  if (facts->block_elements == 1) return;
  for (int64_t b = 0; b < bytes; b += facts->block_bytes) {
    int first = dtype == DTYPE_Q6_K ? 208 : 0;
    bool pair =
        dtype == DTYPE_Q4_1 || dtype == DTYPE_Q5_1 || dtype == DTYPE_Q4_K || dtype == DTYPE_Q5_K;
    source[b + first + 1] &= 0xBF;
    if (pair) source[b + 3] &= 0xBF;
  }
}

static void check_row(Dtype dtype, const uint8_t *source, int count, uint64_t seed) {
  static float out[ELEMENTS + 8];
  for (int i = 0; i < ELEMENTS + 8; i++) out[i] = -12345.5f;
  widen_row(dtype, source, out, count);
  for (int i = 0; i < count; i++) {
    double expected = value_at(dtype, source, i), found = out[i];
    bool same = isnan(expected) ? isnan(found)
                                : found == expected || fabs(found - expected) <=
                                                           bound_of(dtype, source, i, expected);
    if (!same)
      fail_msg("seed %llu: %s element %d is %.9g, expected %.9g", (unsigned long long)seed,
               dtype_name(dtype), i, found, expected);
  }
  for (int i = count; i < count + 8; i++) assert_true(out[i] == -12345.5f);
}

static void every_dtype_matches(void **state) {
  (void)state;
  uint64_t seed = (uint64_t)clock_now();
  Random random = random_seeded(seed);
  static uint8_t bytes[MOST_BYTES];
  for (int d = 0; d < DTYPE_COUNT; d++) {
    if (!widen_supports((Dtype)d)) continue;
    const DtypeFacts *facts = dtype_facts((Dtype)d);
    for (int round = 0; round < 16; round++) {
      for (int i = 0; i < MOST_BYTES; i++) bytes[i] = (uint8_t)random_next(&random);
      int blocks = round ? (int)random_below(&random, ELEMENTS / (uint64_t)facts->block_elements)
                         : ELEMENTS / facts->block_elements;
      uint8_t *source = bytes + round; // every alignment
      tame_halves((Dtype)d, source, (int64_t)blocks * facts->block_bytes);
      check_row((Dtype)d, source, blocks * facts->block_elements, seed);
    }
  }
}

static void every_half_widens(void **state) {
  (void)state;
  static uint16_t halves[65536];
  static float out[65536];
  for (int i = 0; i < 65536; i++) halves[i] = (uint16_t)i;
  widen_row(DTYPE_F16, halves, out, 65536);
  for (int i = 0; i < 65536; i++)
    assert_int_equal(bits_of_float(out[i]), bits_of_float(f16_to_float((f16_t)i)));
}

static void narrowing_matches_half(void **state) {
  (void)state;
  enum { COUNT = 8191 };
  uint64_t seed = (uint64_t)clock_now();
  print_message("# seed %llu\n", (unsigned long long)seed);
  Random random = random_seeded(seed);
  static float source[COUNT], copy[COUNT];
  static uint8_t out[COUNT * 2 + 3];
  for (int round = 0; round < 64; round++) {
    for (int i = 0; i < COUNT; i++) { // any bits at all, but half of them of a half's magnitude
      uint32_t bits = (uint32_t)random_next(&random);
      if (i % 2) bits = (bits & 0x8FFFFFFFu) | (i % 4 == 1 ? 0x30000000u : 0x40000000u);
      if (i % 8 == 2) bits &= 0xFFFFF000u; // ties
      source[i] = float_of_bits(bits);
    }
    for (int d = 0; d < 2; d++) {
      uint8_t *to = out + round % 2;
      memset(out, 0xA5, sizeof out);
      narrow_row(d ? DTYPE_F16 : DTYPE_BF16, source, to, COUNT);
      for (int i = 0; i < COUNT; i++) {
        uint16_t found = (uint16_t)(to[2 * i] | to[2 * i + 1] << 8);
        assert_int_equal(found, d ? float_to_f16(source[i]) : float_to_bf16(source[i]));
      }
      assert_int_equal(to[2 * COUNT], 0xA5);
    }
    narrow_row(DTYPE_F32, source, copy, COUNT);
    assert_memory_equal(copy, source, sizeof copy);
  }
}

static void unknown_dtypes_are_said(void **state) {
  (void)state;
  const Dtype refused[] = {DTYPE_C64,     DTYPE_F4,   DTYPE_F6_E2M3,
                           DTYPE_F8_E8M0, DTYPE_Q2_K, DTYPE_Q3_K};
  for (size_t i = 0; i < COUNT_OF(refused); i++) assert_false(widen_supports(refused[i]));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_dtype_matches),
      cmocka_unit_test(every_half_widens),
      cmocka_unit_test(narrowing_matches_half),
      cmocka_unit_test(unknown_dtypes_are_said),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
