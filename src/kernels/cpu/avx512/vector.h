// SPDX-License-Identifier: Apache-2.0
// The words of kernels/cpu/vector.h in AVX-512 (F, BW, VL, DQ).
#pragma once
#include <stdint.h>
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__) && defined(__AVX512DQ__)
#include <immintrin.h>

#define LANES 16
#define TIER_NAME avx512
#define VECTOR_WORD static inline __attribute__((always_inline))

typedef __m512 Vector;
typedef __mmask16 Mask;

VECTOR_WORD Vector vector_zero(void) {
  return _mm512_setzero_ps();
}

VECTOR_WORD Vector vector_set(float value) {
  return _mm512_set1_ps(value);
}

VECTOR_WORD Vector vector_load(const float *x) {
  return _mm512_loadu_ps(x);
}

// The same, in a register: a compiler would rather read it from memory for each use.
VECTOR_WORD Vector vector_hold(Vector a) {
  __asm__("" : "+v"(a));
  return a;
}

VECTOR_WORD void vector_store(float *y, Vector value) {
  _mm512_storeu_ps(y, value);
}

VECTOR_WORD Mask vector_part_mask(int64_t count) {
  return (Mask)((1u << count) - 1u);
}

VECTOR_WORD Vector vector_load_part(const float *x, int64_t count) {
  return _mm512_maskz_loadu_ps(vector_part_mask(count), x);
}

VECTOR_WORD void vector_store_part(float *y, Vector value, int64_t count) {
  _mm512_mask_storeu_ps(y, vector_part_mask(count), value);
}

// The lanes from `count` on become `other`.
VECTOR_WORD Vector vector_keep_part(Vector value, Vector other, int64_t count) {
  return _mm512_mask_blend_ps(vector_part_mask(count), other, value);
}

VECTOR_WORD Vector vector_add(Vector a, Vector b) {
  return _mm512_add_ps(a, b);
}

VECTOR_WORD Vector vector_subtract(Vector a, Vector b) {
  return _mm512_sub_ps(a, b);
}

VECTOR_WORD Vector vector_multiply(Vector a, Vector b) {
  return _mm512_mul_ps(a, b);
}

VECTOR_WORD Vector vector_divide(Vector a, Vector b) {
  return _mm512_div_ps(a, b);
}

VECTOR_WORD Vector vector_fma(Vector a, Vector b, Vector c) { // a b + c
  return _mm512_fmadd_ps(a, b, c);
}

// Where either is a NaN, the result is b.
VECTOR_WORD Vector vector_minimum(Vector a, Vector b) {
  return _mm512_min_ps(a, b);
}

VECTOR_WORD Vector vector_maximum(Vector a, Vector b) {
  return _mm512_max_ps(a, b);
}

VECTOR_WORD Vector vector_absolute(Vector a) {
  return _mm512_abs_ps(a);
}

VECTOR_WORD Vector vector_copy_sign(Vector magnitude, Vector sign) {
  return _mm512_or_ps(_mm512_abs_ps(magnitude), _mm512_and_ps(_mm512_set1_ps(-0.0f), sign));
}

VECTOR_WORD Vector vector_round(Vector a) { // to the nearest integer
  return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

VECTOR_WORD Vector vector_scale_by_power(Vector a, Vector n) { // a 2^n for integers n
  return _mm512_scalef_ps(a, n);
}

VECTOR_WORD Vector vector_fraction(Vector a) { // a - floor(a); 0 for an infinity
  return _mm512_reduce_ps(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}

// a 2^floor(n) for 1 ≤ a ≤ 2, n ≤ 126; may be 0 where n < -126, and is where n is -infinity.
VECTOR_WORD Vector vector_scale_by_floor(Vector a, Vector n) {
  return _mm512_scalef_ps(a, n);
}

VECTOR_WORD Mask vector_less(Vector a, Vector b) {
  return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}

VECTOR_WORD Mask vector_equal(Vector a, Vector b) {
  return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ);
}

VECTOR_WORD Mask vector_is_nan(Vector a) {
  return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q);
}

VECTOR_WORD uint32_t mask_bits(Mask mask) { // bit i: lane i
  return mask;
}

VECTOR_WORD Vector vector_select(Mask mask, Vector yes, Vector no) {
  return _mm512_mask_blend_ps(mask, no, yes);
}

VECTOR_WORD float vector_sum(Vector a) {
  return _mm512_reduce_add_ps(a);
}

VECTOR_WORD float vector_largest(Vector a) {
  return _mm512_reduce_max_ps(a);
}

VECTOR_WORD Vector vector_load_bf16(const uint16_t *x) {
  __m256i words = _mm256_loadu_si256((const __m256i *)x);
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(words), 16));
}

VECTOR_WORD Vector vector_load_f16(const uint16_t *x) {
  return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)x));
}

// The upper half of each lane, rounded to nearest even (a NaN made quiet), in the upper half.
VECTOR_WORD __m512i vector_round_bf16(Vector a) {
  __m512i bits = _mm512_castps_si512(a);
  __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  __m512i rounded = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7FFF)), odd);
  return _mm512_mask_or_epi32(rounded, vector_is_nan(a), bits, _mm512_set1_epi32(0x400000));
}

VECTOR_WORD void vector_store_bf16(uint16_t *y, Vector value) {
  __m512i upper = _mm512_srli_epi32(vector_round_bf16(value), 16);
  _mm256_storeu_si256((__m256i *)y, _mm512_cvtepi32_epi16(upper));
}

VECTOR_WORD void vector_store_f16(uint16_t *y, Vector value) {
  __m256i halves = _mm512_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  _mm256_storeu_si256((__m256i *)y, halves);
}

VECTOR_WORD Vector vector_even(Vector pairs) { // the even ones of LANES pairs of bfloat16
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(pairs), 16));
}

VECTOR_WORD Vector vector_odd(Vector pairs) {
  const __m512i upper = _mm512_set1_epi32((int)0xFFFF0000u);
  return _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(pairs), upper));
}

VECTOR_WORD Vector vector_even_f16(Vector pairs) {
  return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(_mm512_castps_si512(pairs)));
}

VECTOR_WORD Vector vector_odd_f16(Vector pairs) {
  __m512i upper = _mm512_srli_epi32(_mm512_castps_si512(pairs), 16);
  return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(upper));
}

VECTOR_WORD Vector vector_load_pair_even(const uint16_t *pairs) {
  return vector_even(_mm512_loadu_ps(pairs));
}

VECTOR_WORD Vector vector_load_pair_odd(const uint16_t *pairs) {
  return vector_odd(_mm512_loadu_ps(pairs));
}

VECTOR_WORD void vector_store_pair(uint16_t *pairs, Vector even, Vector odd) {
  __m512i low = _mm512_srli_epi32(vector_round_bf16(even), 16);
  __m512i words = _mm512_mask_blend_epi16(0xAAAAAAAAu, low, vector_round_bf16(odd));
  _mm512_storeu_si512(pairs, words);
}

// Two vectors in order become their even and their odd elements.
VECTOR_WORD void vector_part_pair(Vector pair[2]) {
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
  Vector first = pair[0];
  pair[0] = _mm512_permutex2var_ps(first, even, pair[1]);
  pair[1] = _mm512_permutex2var_ps(first, odd, pair[1]);
}

VECTOR_WORD void vector_join_pair(Vector pair[2]) { // the reverse
  const __m512i first = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const __m512i second = _mm512_add_epi32(first, _mm512_set1_epi32(8));
  Vector even = pair[0];
  pair[0] = _mm512_permutex2var_ps(even, first, pair[1]);
  pair[1] = _mm512_permutex2var_ps(even, second, pair[1]);
}

// Within each 128 bits four rows become columns.
VECTOR_WORD void vector_turn(Vector row[4]) {
  Vector a = _mm512_unpacklo_ps(row[0], row[1]), b = _mm512_unpackhi_ps(row[0], row[1]);
  Vector c = _mm512_unpacklo_ps(row[2], row[3]), d = _mm512_unpackhi_ps(row[2], row[3]);
  row[0] = _mm512_shuffle_ps(a, c, 0x44);
  row[1] = _mm512_shuffle_ps(a, c, 0xEE);
  row[2] = _mm512_shuffle_ps(b, d, 0x44);
  row[3] = _mm512_shuffle_ps(b, d, 0xEE);
}

// Quarters of four rows each, one of every fourth row.
VECTOR_WORD Vector vector_load_quarters(const float *a, const float *b, const float *c,
                                        const float *d) {
  Vector all = _mm512_castps128_ps512(_mm_loadu_ps(a));
  all = _mm512_insertf32x4(all, _mm_loadu_ps(b), 1);
  all = _mm512_insertf32x4(all, _mm_loadu_ps(c), 2);
  return _mm512_insertf32x4(all, _mm_loadu_ps(d), 3);
}

// Elements k … k + 3 of rows in memory become columns: what is put together while it is loaded need
// not change its quarter, which is half the work of vector_transpose.
VECTOR_WORD void vector_load_columns(const float *const row[LANES], int64_t k, Vector column[4]) {
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++)
    column[i] = vector_load_quarters(row[i] + k, row[i + 4] + k, row[i + 8] + k, row[i + 12] + k);
  vector_turn(column);
}

// Rows become columns.
VECTOR_WORD void vector_transpose(Vector row[LANES]) {
  Vector a[LANES];
#pragma GCC unroll 4
  for (int i = 0; i < LANES; i += 4) vector_turn(row + i);
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    a[i] = _mm512_shuffle_f32x4(row[i], row[i + 4], 0x88);
    a[i + 4] = _mm512_shuffle_f32x4(row[i], row[i + 4], 0xDD);
    a[i + 8] = _mm512_shuffle_f32x4(row[i + 8], row[i + 12], 0x88);
    a[i + 12] = _mm512_shuffle_f32x4(row[i + 8], row[i + 12], 0xDD);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    row[i] = _mm512_shuffle_f32x4(a[i], a[i + 8], 0x88);
    row[i + 8] = _mm512_shuffle_f32x4(a[i], a[i + 8], 0xDD);
    row[i + 4] = _mm512_shuffle_f32x4(a[i + 4], a[i + 12], 0x88);
    row[i + 12] = _mm512_shuffle_f32x4(a[i + 4], a[i + 12], 0xDD);
  }
}
#endif
