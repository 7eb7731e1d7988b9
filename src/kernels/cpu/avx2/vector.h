// SPDX-License-Identifier: Apache-2.0
// The words of kernels/cpu/vector.h in AVX2, FMA and F16C.
#pragma once
#include <stdint.h>
#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#include <immintrin.h>

#define LANES 8
#define TIER_NAME avx2
#define VECTOR_WORD static inline __attribute__((always_inline))

typedef __m256 Vector;
typedef __m256 Mask;

VECTOR_WORD Vector vector_zero(void) {
  return _mm256_setzero_ps();
}

VECTOR_WORD Vector vector_set(float value) {
  return _mm256_set1_ps(value);
}

VECTOR_WORD Vector vector_load(const float *x) {
  return _mm256_loadu_ps(x);
}

// The same, in a register: a compiler would rather read it from memory for each use.
VECTOR_WORD Vector vector_hold(Vector a) {
  __asm__("" : "+x"(a));
  return a;
}

VECTOR_WORD void vector_store(float *y, Vector value) {
  _mm256_storeu_ps(y, value);
}

VECTOR_WORD __m256i vector_part_mask(int64_t count) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), lane);
}

VECTOR_WORD Vector vector_load_part(const float *x, int64_t count) {
  return _mm256_maskload_ps(x, vector_part_mask(count));
}

// Zen takes tens of cycles for a masked store, also of a whole vector.
VECTOR_WORD void vector_store_part(float *y, Vector value, int64_t count) {
  if (count == LANES)
    _mm256_storeu_ps(y, value);
  else
    _mm256_maskstore_ps(y, vector_part_mask(count), value);
}

// The lanes from `count` on become `other`.
VECTOR_WORD Vector vector_keep_part(Vector value, Vector other, int64_t count) {
  return _mm256_blendv_ps(other, value, _mm256_castsi256_ps(vector_part_mask(count)));
}

VECTOR_WORD Vector vector_add(Vector a, Vector b) {
  return _mm256_add_ps(a, b);
}

VECTOR_WORD Vector vector_subtract(Vector a, Vector b) {
  return _mm256_sub_ps(a, b);
}

VECTOR_WORD Vector vector_multiply(Vector a, Vector b) {
  return _mm256_mul_ps(a, b);
}

VECTOR_WORD Vector vector_divide(Vector a, Vector b) {
  return _mm256_div_ps(a, b);
}

VECTOR_WORD Vector vector_fma(Vector a, Vector b, Vector c) { // a b + c
  return _mm256_fmadd_ps(a, b, c);
}

// Where either is a NaN, the result is b.
VECTOR_WORD Vector vector_minimum(Vector a, Vector b) {
  return _mm256_min_ps(a, b);
}

VECTOR_WORD Vector vector_maximum(Vector a, Vector b) {
  return _mm256_max_ps(a, b);
}

VECTOR_WORD Vector vector_absolute(Vector a) {
  return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}

VECTOR_WORD Vector vector_copy_sign(Vector magnitude, Vector sign) {
  Vector bit = _mm256_set1_ps(-0.0f);
  return _mm256_or_ps(_mm256_andnot_ps(bit, magnitude), _mm256_and_ps(bit, sign));
}

VECTOR_WORD Vector vector_round(Vector a) { // to the nearest integer
  return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

VECTOR_WORD Vector vector_power_of_two(__m256i exponent) {
  return _mm256_castsi256_ps(
      _mm256_slli_epi32(_mm256_add_epi32(exponent, _mm256_set1_epi32(127)), 23));
}

// a 2^n for integers n of magnitude ≤ 252, subnormal results rounded once more.
VECTOR_WORD Vector vector_scale_by_power(Vector a, Vector n) {
  __m256i whole = _mm256_cvtps_epi32(n), part = _mm256_srai_epi32(whole, 1);
  a = _mm256_mul_ps(a, vector_power_of_two(part));
  return _mm256_mul_ps(a, vector_power_of_two(_mm256_sub_epi32(whole, part)));
}

// a - floor(a); 0 for minus infinity and all below -127
VECTOR_WORD Vector vector_fraction(Vector a) {
  a = _mm256_max_ps(_mm256_set1_ps(-127.0f), a); // operand order: a NaN passes
  return _mm256_sub_ps(a, _mm256_floor_ps(a));
}

// a 2^floor(n) for 1 ≤ a ≤ 2, n ≤ 126; may be 0 where n < -126, and is where n is -infinity.
VECTOR_WORD Vector vector_scale_by_floor(Vector a, Vector n) {
  n = _mm256_floor_ps(_mm256_max_ps(_mm256_set1_ps(-127.0f), n));
  __m256i exponent = _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23);
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a), exponent));
}

VECTOR_WORD Mask vector_less(Vector a, Vector b) {
  return _mm256_cmp_ps(a, b, _CMP_LT_OQ);
}

VECTOR_WORD Mask vector_equal(Vector a, Vector b) {
  return _mm256_cmp_ps(a, b, _CMP_EQ_OQ);
}

VECTOR_WORD Mask vector_is_nan(Vector a) {
  return _mm256_cmp_ps(a, a, _CMP_UNORD_Q);
}

VECTOR_WORD uint32_t mask_bits(Mask mask) { // bit i: lane i
  return (uint32_t)_mm256_movemask_ps(mask);
}

VECTOR_WORD Vector vector_select(Mask mask, Vector yes, Vector no) {
  return _mm256_blendv_ps(no, yes, mask);
}

VECTOR_WORD float vector_sum(Vector a) {
  __m128 half = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  half = _mm_add_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
}

VECTOR_WORD float vector_largest(Vector a) {
  __m128 half = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  half = _mm_max_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_max_ss(half, _mm_movehdup_ps(half)));
}

VECTOR_WORD Vector vector_load_bf16(const uint16_t *x) {
  __m128i words = _mm_loadu_si128((const __m128i *)x);
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(words), 16));
}

VECTOR_WORD Vector vector_load_f16(const uint16_t *x) {
  return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)x));
}

// The upper half of each lane, rounded to nearest even (a NaN made quiet), in the upper half.
VECTOR_WORD __m256i vector_round_bf16(Vector a) {
  __m256i bits = _mm256_castps_si256(a);
  __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  __m256i rounded = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7FFF)), odd);
  __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
  return _mm256_castps_si256(
      _mm256_blendv_ps(_mm256_castsi256_ps(rounded), _mm256_castsi256_ps(quiet), vector_is_nan(a)));
}

VECTOR_WORD void vector_store_bf16(uint16_t *y, Vector value) {
  __m256i upper = _mm256_srli_epi32(vector_round_bf16(value), 16);
  __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(upper, upper), 0xD8);
  _mm_storeu_si128((__m128i *)y, _mm256_castsi256_si128(packed));
}

VECTOR_WORD void vector_store_f16(uint16_t *y, Vector value) {
  __m128i halves = _mm256_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  _mm_storeu_si128((__m128i *)y, halves);
}

VECTOR_WORD Vector vector_even(Vector pairs) { // the even ones of LANES pairs of bfloat16
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(pairs), 16));
}

VECTOR_WORD Vector vector_odd(Vector pairs) {
  const __m256i upper = _mm256_set1_epi32((int)0xFFFF0000u);
  return _mm256_castsi256_ps(_mm256_and_si256(_mm256_castps_si256(pairs), upper));
}

VECTOR_WORD Vector vector_widen_words(__m256i words) { // float16 in their lower halves, 0 above
  __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(words, words), 0xD8);
  return _mm256_cvtph_ps(_mm256_castsi256_si128(packed));
}

VECTOR_WORD Vector vector_even_f16(Vector pairs) {
  __m256i lower = _mm256_set1_epi32(0xFFFF);
  return vector_widen_words(_mm256_and_si256(_mm256_castps_si256(pairs), lower));
}

VECTOR_WORD Vector vector_odd_f16(Vector pairs) {
  return vector_widen_words(_mm256_srli_epi32(_mm256_castps_si256(pairs), 16));
}

VECTOR_WORD Vector vector_load_pair_even(const uint16_t *pairs) {
  return vector_even(_mm256_loadu_ps((const float *)pairs));
}

VECTOR_WORD Vector vector_load_pair_odd(const uint16_t *pairs) {
  return vector_odd(_mm256_loadu_ps((const float *)pairs));
}

VECTOR_WORD void vector_store_pair(uint16_t *pairs, Vector even, Vector odd) {
  __m256i low = _mm256_srli_epi32(vector_round_bf16(even), 16);
  __m256i words = _mm256_blend_epi16(low, vector_round_bf16(odd), 0xAA);
  _mm256_storeu_si256((__m256i *)pairs, words);
}

// Two vectors in order become their even and their odd elements.
VECTOR_WORD void vector_part_pair(Vector pair[2]) {
  Vector low = _mm256_permute2f128_ps(pair[0], pair[1], 0x20);
  Vector high = _mm256_permute2f128_ps(pair[0], pair[1], 0x31);
  pair[0] = _mm256_shuffle_ps(low, high, 0x88);
  pair[1] = _mm256_shuffle_ps(low, high, 0xDD);
}

VECTOR_WORD void vector_join_pair(Vector pair[2]) { // the reverse
  Vector low = _mm256_unpacklo_ps(pair[0], pair[1]), high = _mm256_unpackhi_ps(pair[0], pair[1]);
  pair[0] = _mm256_permute2f128_ps(low, high, 0x20);
  pair[1] = _mm256_permute2f128_ps(low, high, 0x31);
}

// Within each 128 bits four rows become columns.
VECTOR_WORD void vector_turn(Vector row[4]) {
  Vector a = _mm256_unpacklo_ps(row[0], row[1]), b = _mm256_unpackhi_ps(row[0], row[1]);
  Vector c = _mm256_unpacklo_ps(row[2], row[3]), d = _mm256_unpackhi_ps(row[2], row[3]);
  row[0] = _mm256_shuffle_ps(a, c, 0x44);
  row[1] = _mm256_shuffle_ps(a, c, 0xEE);
  row[2] = _mm256_shuffle_ps(b, d, 0x44);
  row[3] = _mm256_shuffle_ps(b, d, 0xEE);
}

// Elements k … k + 3 of rows in memory become columns: what is put together while it is loaded need
// not change its half, which is two thirds of the work of vector_transpose.
VECTOR_WORD void vector_load_columns(const float *const row[LANES], int64_t k, Vector column[4]) {
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++)
    column[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(row[i] + k)),
                                     _mm_loadu_ps(row[i + 4] + k), 1);
  vector_turn(column);
}

// Rows become columns.
VECTOR_WORD void vector_transpose(Vector row[LANES]) {
#pragma GCC unroll 2
  for (int i = 0; i < LANES; i += 4) vector_turn(row + i);
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    Vector low = row[i];
    row[i] = _mm256_permute2f128_ps(low, row[i + 4], 0x20);
    row[i + 4] = _mm256_permute2f128_ps(low, row[i + 4], 0x31);
  }
}
#endif
