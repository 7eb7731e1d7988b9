// SPDX-License-Identifier: Apache-2.0
// Norms and softmax of one row: several partial sums of float32 at a time.
#include "kernels/cpu/exponential.h"
#include "kernels/cpu/operators.h"
#include <math.h>

enum { SUMS = 4 };

// The row x in whole vectors and a last part: how many elements vector i has.
static ALWAYS_INLINE int64_t part_at(int64_t count, int64_t i) {
  return count - i < LANES ? count - i : LANES;
}

static float sum_of_squares(int64_t count, const float *x, float mean) {
  Vector sum[SUMS], shift = vector_set(mean);
  for (int j = 0; j < SUMS; j++) sum[j] = vector_zero();
  int64_t i = 0;
  for (; i + SUMS * LANES <= count; i += SUMS * LANES)
#pragma GCC unroll 4
    for (int j = 0; j < SUMS; j++) {
      Vector value = vector_subtract(vector_load(x + i + j * LANES), shift);
      sum[j] = vector_fma(value, value, sum[j]);
    }
  for (; i < count; i += LANES) {
    int64_t part = part_at(count, i);
    Vector value = vector_subtract(vector_load_part(x + i, part), shift);
    value = vector_keep_part(value, vector_zero(), part);
    sum[0] = vector_fma(value, value, sum[0]);
  }
  return vector_sum(vector_add(vector_add(sum[0], sum[1]), vector_add(sum[2], sum[3])));
}

static float sum_of(int64_t count, const float *x) {
  Vector sum[SUMS];
  for (int j = 0; j < SUMS; j++) sum[j] = vector_zero();
  int64_t i = 0;
  for (; i + SUMS * LANES <= count; i += SUMS * LANES)
#pragma GCC unroll 4
    for (int j = 0; j < SUMS; j++) sum[j] = vector_add(sum[j], vector_load(x + i + j * LANES));
  for (; i < count; i += LANES)
    sum[0] = vector_add(sum[0], vector_load_part(x + i, part_at(count, i)));
  return vector_sum(vector_add(vector_add(sum[0], sum[1]), vector_add(sum[2], sum[3])));
}

void TIER_FUNCTION(rms_norm)(int64_t count, const float *x, const float *weight, float epsilon,
                             float *y) {
  float mean = sum_of_squares(count, x, 0.0f) / (float)count;
  Vector factor = vector_set(1.0f / sqrtf(mean + epsilon));
  int64_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    Vector value = vector_multiply(vector_load(x + i), factor);
    vector_store(y + i, vector_multiply(vector_load(weight + i), value));
  }
  if (i == count) return;
  int64_t part = count - i;
  Vector value = vector_multiply(vector_load_part(x + i, part), factor);
  vector_store_part(y + i, vector_multiply(vector_load_part(weight + i, part), value), part);
}

void TIER_FUNCTION(layer_norm)(int64_t count, const float *x, const float *weight,
                               const float *bias, float epsilon, float *y) {
  float mean = sum_of(count, x) / (float)count;
  float variance = sum_of_squares(count, x, mean) / (float)count;
  Vector factor = vector_set(1.0f / sqrtf(variance + epsilon)), shift = vector_set(mean);
  for (int64_t i = 0; i < count; i += LANES) {
    int64_t part = part_at(count, i);
    Vector value = vector_subtract(vector_load_part(x + i, part), shift);
    Vector offset = bias ? vector_load_part(bias + i, part) : vector_zero();
    value = vector_fma(vector_load_part(weight + i, part), vector_multiply(value, factor), offset);
    vector_store_part(y + i, value, part);
  }
}

// NaN if there is one.
static float largest_scaled(int64_t count, Vector scale, const float *x) {
  Vector none = vector_set(-INFINITY), largest = none, nan = vector_zero();
  for (int64_t i = 0; i < count; i += LANES) {
    int64_t part = part_at(count, i);
    Vector value = vector_multiply(vector_load_part(x + i, part), scale);
    nan = vector_add(nan, vector_select(vector_is_nan(value), value, vector_zero()));
    largest = vector_maximum(vector_keep_part(value, none, part), largest);
  }
  return mask_bits(vector_is_nan(nan)) ? NAN : vector_largest(largest);
}

// y = exp(scale x - shift); returns its sum.
static double exponentials(int64_t count, Vector scale, float shift, const float *x, float *y) {
  Vector minus = vector_set(-shift), sum = vector_zero();
  for (int64_t i = 0; i < count; i += LANES) {
    int64_t part = part_at(count, i);
    Vector value = vector_multiply(vector_load_part(x + i, part), scale);
    value = vector_exponential(vector_add(value, minus));
    sum = vector_add(sum, vector_keep_part(value, vector_zero(), part));
    if (y) vector_store_part(y + i, value, part);
  }
  return vector_sum(sum);
}

static void clear(int64_t begin, int64_t end, float *y) {
  for (int64_t i = begin; i < end; i += LANES)
    vector_store_part(y + i, vector_zero(), part_at(end, i));
}

void TIER_FUNCTION(softmax)(int64_t count, int64_t begin, int64_t end, float scale, const float *x,
                            float *y) {
  Vector factor = vector_set(scale);
  float largest = begin < end ? largest_scaled(end - begin, factor, x + begin) : -INFINITY;
  if (largest == -INFINITY) {
    clear(0, count, y);
    return;
  }
  double sum = exponentials(end - begin, factor, largest, x + begin, y + begin);
  TIER_FUNCTION(scale)(end - begin, y + begin, (float)(1.0 / sum), y + begin);
  clear(0, begin, y);
  clear(end, count, y);
}

double TIER_FUNCTION(sum_exponentials)(int64_t count, const float *x, float shift) {
  enum { STRETCH = 4096 }; // summed in float32, the stretches in double
  double sum = 0.0;
  for (int64_t i = 0; i < count; i += STRETCH)
    sum += exponentials(count - i < STRETCH ? count - i : STRETCH, vector_set(1.0f), shift, x + i,
                        NULL);
  return sum;
}

// Where `value` is first; count: nowhere.
static int64_t first_where(int64_t count, const float *x, float value) {
  Vector wanted = vector_set(value);
  for (int64_t i = 0; i < count; i += LANES) {
    int64_t part = part_at(count, i);
    Vector found = vector_load_part(x + i, part);
    Mask mask = isnan(value) ? vector_is_nan(found) : vector_equal(found, wanted);
    uint32_t bits = mask_bits(mask) & (uint32_t)((UINT64_C(1) << part) - 1);
    if (bits) return i + __builtin_ctz(bits);
  }
  return count;
}

int64_t TIER_FUNCTION(argmax)(int64_t count, const float *x) {
  return first_where(count, x, largest_scaled(count, vector_set(1.0f), x));
}
