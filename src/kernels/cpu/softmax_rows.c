// SPDX-License-Identifier: Apache-2.0
// The online softmax of a strip of scores: a pass for the largest of each row, one for the
// exponentials and their sum.
#include "kernels/cpu/operators.h"
#include <math.h>

enum { UNROLLED = 4 };
static const float log2_of_e = 0x1.715476p+0f;

// 2^t for t ≤ 126; 0 for -infinity, NaN for NaN. With f = t - floor(t), 2^f = 1 + f P(f); P of
// degree 4 is the minimax polynomial, 8.3e-8 relative error of 2^f on [0, 1).
static ALWAYS_INLINE Vector vector_power(Vector t) {
  Vector f = vector_fraction(t), p = vector_set(0x1.e974fap-10f);
  p = vector_fma(p, f, vector_set(0x1.277856p-7f));
  p = vector_fma(p, f, vector_set(0x1.c91ce6p-5f));
  p = vector_fma(p, f, vector_set(0x1.ebdb56p-3f));
  p = vector_fma(p, f, vector_set(0x1.62e4bap-1f));
  return vector_scale_by_floor(vector_fma(p, f, vector_set(1.0f)), t);
}

static float largest_of(int64_t count, const float *x, float least) {
  Vector largest[UNROLLED], none = vector_set(-INFINITY);
  for (int j = 0; j < UNROLLED; j++) largest[j] = vector_set(least);
  int64_t i = 0;
  for (; i + UNROLLED * LANES <= count; i += UNROLLED * LANES)
#pragma GCC unroll 4
    for (int j = 0; j < UNROLLED; j++) // operand order: a NaN passes by
      largest[j] = vector_maximum(vector_load(x + i + j * LANES), largest[j]);
  for (; i + LANES <= count; i += LANES)
    largest[0] = vector_maximum(vector_load(x + i), largest[0]);
  if (i < count) {
    Vector rest = vector_keep_part(vector_load_part(x + i, count - i), none, count - i);
    largest[0] = vector_maximum(rest, largest[0]);
  }
  largest[0] = vector_maximum(largest[0], largest[1]);
  largest[2] = vector_maximum(largest[2], largest[3]);
  return vector_largest(vector_maximum(largest[0], largest[2]));
}

// exp(x - shift) where the difference is not above 0
static ALWAYS_INLINE Vector shifted_power(Vector x, Vector shift) {
  return vector_power(vector_multiply(vector_subtract(x, shift), vector_set(log2_of_e)));
}

// x = exp(x - largest); returns the sum. Its lanes are added by halves, and so in the same order
// whichever lane the first score is in; the exponentials take longer than to wait for one vector of
// sums.
static float exponentials(int64_t count, float largest, float *x) {
  Vector sum = vector_zero(), shift = vector_set(largest);
  int64_t i = 0;
  for (; i + UNROLLED * LANES <= count; i += UNROLLED * LANES)
#pragma GCC unroll 4
    for (int j = 0; j < UNROLLED; j++) {
      Vector value = shifted_power(vector_load(x + i + j * LANES), shift);
      vector_store(x + i + j * LANES, value);
      sum = vector_add(sum, value);
    }
  for (; i < count; i += LANES) {
    int64_t part = count - i < LANES ? count - i : LANES;
    Vector value = shifted_power(vector_load_part(x + i, part), shift);
    vector_store_part(x + i, value, part);
    sum = vector_add(sum, vector_keep_part(value, vector_zero(), part));
  }
  return vector_sum(sum);
}

bool TIER_FUNCTION(softmax_rows)(const SoftmaxRows *rows) {
  bool grown = false;
  for (int64_t r = 0; r < rows->rows; r++) {
    float *x = rows->scores + r * rows->stride, former = rows->largest[r];
    float largest = rows->found ? rows->found[r] : largest_of(rows->columns, x, former);
    bool same = largest == former;
    rows->factor[r] = same ? 1.0f : expf(former - largest);
    rows->largest[r] = largest;
    grown |= !same;
    // Where nothing is seen yet any finite shift gives 0 for all.
    float sum = exponentials(rows->columns, largest == -INFINITY ? 0.0f : largest, x);
    rows->sum[r] = rows->sum[r] * rows->factor[r] + sum;
  }
  return grown;
}

bool TIER_FUNCTION(all_finite)(int64_t count, const float *x) {
  Vector sum = vector_zero(); // stays 0 unless a product with 0 is a NaN
  for (int64_t i = 0; i < count; i += LANES) {
    int64_t part = count - i < LANES ? count - i : LANES;
    sum = vector_fma(vector_load_part(x + i, part), vector_zero(), sum);
  }
  return !mask_bits(vector_is_nan(sum));
}
