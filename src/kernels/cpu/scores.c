// SPDX-License-Identifier: Apache-2.0
// What attention does to a row of scores before the softmax.
#include "kernels/cpu/exponential.h"
#include "kernels/cpu/operators.h"

// tanh within 3 ulp: with e = exp(-2 |u|) - 1, which keeps its relative accuracy near 0, it is
// -e / (e + 2).
static ALWAYS_INLINE Vector vector_tanh(Vector u) {
  Vector size = vector_absolute(u);
  Vector e = vector_exponential_less_one(vector_multiply(size, vector_set(-2.0f)));
  Vector below = vector_subtract(vector_set(-2.0f), e);
  return vector_copy_sign(vector_divide(e, below), u);
}

// 1 - tanh² is 4 a / (1 + a)² with a = exp(-2 |u|): no difference of what is nearly equal.
static ALWAYS_INLINE Vector vector_tanh_slope(Vector u) {
  Vector a = vector_exponential(vector_multiply(vector_absolute(u), vector_set(-2.0f)));
  Vector sum = vector_add(vector_set(1.0f), a);
  Vector above = vector_multiply(vector_set(4.0f), a);
  return vector_divide(above, vector_multiply(sum, sum));
}

void TIER_FUNCTION(add_ramp)(int64_t count, float start, float step, float *y) {
  static const float lanes[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  Vector first = vector_set(start), slope = vector_set(step), index = vector_load(lanes);
  int64_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    vector_store(y + i, vector_add(vector_load(y + i), vector_fma(index, slope, first)));
    index = vector_add(index, vector_set(LANES));
  }
  if (i == count) return;
  Vector last = vector_add(vector_load_part(y + i, count - i), vector_fma(index, slope, first));
  vector_store_part(y + i, last, count - i);
}

void TIER_FUNCTION(soft_cap)(int64_t count, float cap, const float *x, float *y) {
  Vector all = vector_set(cap), inverse = vector_set(1.0f / cap);
  for (int64_t i = 0; i < count; i += LANES) {
    int64_t part = count - i < LANES ? count - i : LANES;
    Vector u = vector_multiply(vector_load_part(x + i, part), inverse);
    vector_store_part(y + i, vector_multiply(all, vector_tanh(u)), part);
  }
}

void TIER_FUNCTION(soft_cap_slope)(int64_t count, float cap, const float *x, float *y) {
  Vector inverse = vector_set(1.0f / cap);
  for (int64_t i = 0; i < count; i += LANES) {
    int64_t part = count - i < LANES ? count - i : LANES;
    Vector u = vector_multiply(vector_load_part(x + i, part), inverse);
    Vector slope = vector_multiply(vector_load_part(y + i, part), vector_tanh_slope(u));
    vector_store_part(y + i, slope, part);
  }
}
