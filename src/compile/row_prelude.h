// SPDX-License-Identifier: Apache-2.0
// What the code of row groups is written with: vectors of LANES floats, in GCC's vector extensions
// alone, without any header. This file is also text: emitted code begins with it. Errors are in
// units in the last place; a NaN stays one. Needs -fno-math-errno, and nothing of -ffast-math.
#ifndef ROW_PRELUDE
#define ROW_PRELUDE
#ifndef LANES
#define LANES 4
#endif

typedef float row_vector __attribute__((vector_size(4 * LANES)));
typedef int row_integers __attribute__((vector_size(4 * LANES)));
typedef unsigned short row_halves __attribute__((vector_size(2 * LANES)));
typedef float row_unaligned __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef unsigned short row_unaligned_halves
    __attribute__((vector_size(2 * LANES), aligned(2), may_alias));

#define ROW_FUNCTION static inline __attribute__((always_inline, unused))

ROW_FUNCTION row_vector row_set(float x) {
  return x - (row_vector){0};
}

ROW_FUNCTION row_vector row_load(const float *x) {
  return *(const row_unaligned *)x;
}

ROW_FUNCTION void row_store(float *y, row_vector value) {
  *(row_unaligned *)y = value;
}

// The first `count` lanes, the others 0.
ROW_FUNCTION row_vector row_load_part(const float *x, long count) {
  row_vector value = {0};
  for (long i = 0; i < count; i++) value[i] = x[i];
  return value;
}

ROW_FUNCTION void row_store_part(float *y, row_vector value, long count) {
  for (long i = 0; i < count; i++) y[i] = value[i];
}

ROW_FUNCTION row_vector row_bits(row_integers bits) {
  return (row_vector)bits;
}

ROW_FUNCTION row_vector row_select(row_integers mask, row_vector yes, row_vector no) {
  return (row_vector)(((row_integers)yes & mask) | ((row_integers)no & ~mask));
}

ROW_FUNCTION row_integers row_lanes(void) {
  row_integers lanes;
  for (int i = 0; i < LANES; i++) lanes[i] = i;
  return lanes;
}

// Lanes [first, last) of those that begin at `begin`.
ROW_FUNCTION row_integers row_between(long begin, long first, long last) {
  row_integers lane = row_lanes() + (int)begin;
  return (lane >= (int)first) & (lane < (int)last);
}

ROW_FUNCTION row_vector row_larger(row_vector a, row_vector b) { // b where either is a NaN
  return row_select(a > b, a, b);
}

ROW_FUNCTION row_vector row_smaller(row_vector a, row_vector b) { // b where either is a NaN
  return row_select(a < b, a, b);
}

// The larger one; a NaN stays.
ROW_FUNCTION row_vector row_most(row_vector most, row_vector x) {
  return row_select((most > x) | (most != most), most, x);
}

ROW_FUNCTION float row_sum(row_vector x) {
  float sum = 0;
  for (int i = 0; i < LANES; i++) sum += x[i];
  return sum;
}

ROW_FUNCTION float row_largest(row_vector x) { // a NaN where there is one
  float most = x[0];
  for (int i = 1; i < LANES; i++) most = most > x[i] || most != most ? most : x[i];
  return most;
}

// exp(r) - 1 of |r| <= ln 2 / 2, to 1e-8 of exp.
ROW_FUNCTION row_vector row_exponential_rest(row_vector r) {
  row_vector p = r * 0x1.6d117cp-10f + 0x1.120be2p-7f;
  p = p * r + 0x1.555518p-5f;
  p = p * r + 0x1.5554dcp-3f;
  p = p * r + 0.5f;
  return (r * r) * p + r;
}

// 2^n of an integer |n| <= 126.
ROW_FUNCTION row_vector row_power(row_integers n) {
  return row_bits((n + 127) << 23);
}

// Within 2; 0 and infinity where exp is.
ROW_FUNCTION row_vector row_exponential(row_vector x) {
  x = row_smaller(row_set(89.5f), x); // operand order: a NaN passes
  x = row_larger(row_set(-105.0f), x);
  row_vector shifted = x * 0x1.715476p+0f + 0x1.8p23f, n = shifted - 0x1.8p23f;
  row_integers whole = (row_integers)shifted - 0x4B400000, half = whole >> 1;
  row_vector r = n * -0x1.62e4p-1f + x;
  r = n * -0x1.7f7d1cp-20f + r;
  return (row_exponential_rest(r) + 1.0f) * row_power(half) * row_power(whole - half);
}

// x / (1 + exp(-s)); -infinity gives 0.
ROW_FUNCTION row_vector row_gated(row_vector x, row_vector s) {
  return row_larger(row_set(-1e4f), x) / (1.0f + row_exponential(-s));
}

ROW_FUNCTION row_vector row_silu(row_vector x) {
  return row_gated(x, x);
}

ROW_FUNCTION row_vector row_quick_gelu(row_vector x) {
  return row_gated(x, x * 1.702f);
}

// x/2 (1 + tanh u) is x sigmoid(2 u).
ROW_FUNCTION row_vector row_gelu_tanh(row_vector x) {
  return row_gated(x, (x * 1.5957691216f) * (x * x * 0.044715f + 1.0f));
}

// By erf of Abramowitz & Stegun 7.1.26: absolute error of erf below 5e-7.
ROW_FUNCTION row_vector row_gelu(row_vector x) {
  row_vector u = x * 0.70710678f, size = row_bits((row_integers)u & 0x7FFFFFFF);
  row_vector t = 1.0f / (size * 0.3275911f + 1.0f);
  row_vector p = t * 1.061405429f - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  row_vector erf = 1.0f - p * t * row_exponential(-(size * size));
  erf = row_bits((row_integers)erf | ((row_integers)u & (-0x7FFFFFFF - 1)));
  return row_larger(row_set(-1e4f), x) * 0.5f * (1.0f + erf);
}

ROW_FUNCTION row_vector row_relu(row_vector x) {
  return row_larger(row_set(0.0f), x);
}

// The nearest bfloat16, ties to even, a NaN quiet.
ROW_FUNCTION row_halves row_to_bf16(row_vector x) {
  row_integers bits = (row_integers)x, nan = x != x;
  row_integers rounded = bits + 0x7FFF + ((bits >> 16) & 1);
  rounded = (rounded & ~nan) | ((bits | 0x400000) & nan);
  return __builtin_convertvector((rounded >> 16) & 0xFFFF, row_halves);
}

// The nearest float16, ties to even, a NaN quiet. Below 2^-14 a float addition whose last place is
// the smallest float16 does the rounding.
ROW_FUNCTION row_halves row_to_f16(row_vector x) {
  row_integers bits = (row_integers)x, sign = (bits >> 16) & 0x8000, size = bits & 0x7FFFFFFF;
  row_integers small = size<0x38800000, large = size >= 0x47800000, nan = size> 0x7F800000;
  row_integers normal = (size - 0x38000000 + 0xFFF + ((size >> 13) & 1)) >> 13;
  row_integers tiny = (row_integers)(row_bits(size & small) + 0.5f) - 0x3F000000;
  row_integers value = (normal & ~small) | (tiny & small);
  value = (value & ~large) | (0x7C00 & large);
  value = (value & ~nan) | ((0x7E00 | ((size >> 13) & 0x3FF)) & nan);
  return __builtin_convertvector(value | sign, row_halves);
}

ROW_FUNCTION void row_store_halves(unsigned short *y, row_halves value) {
  *(row_unaligned_halves *)y = value;
}

ROW_FUNCTION void row_store_halves_part(unsigned short *y, row_halves value, long count) {
  for (long i = 0; i < count; i++) y[i] = value[i];
}
#endif
