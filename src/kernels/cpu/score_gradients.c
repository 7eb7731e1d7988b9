// SPDX-License-Identifier: Apache-2.0
// The vector passes of attention's backward pass.
#include "kernels/cpu/exponential.h"
#include "kernels/cpu/operators.h"
#include <math.h>
#include <string.h>

typedef struct {
  Vector scale, lse, delta;
} Row;

// slopes NULL: 1
static ALWAYS_INLINE void step(const Row *row, float *scores, float *products,
                               const float *slopes) {
  Vector score = vector_fma(vector_load(scores), row->scale, row->lse), zero = vector_zero();
  Vector p = vector_exponential(score);
  Vector product = vector_multiply(p, vector_subtract(vector_load(products), row->delta));
  if (slopes) product = vector_multiply(product, vector_load(slopes));
  vector_store(scores, p);
  vector_store(products, vector_select(vector_equal(p, zero), zero, product));
}

static void step_part(const Row *row, float *scores, float *products, const float *slopes,
                      int64_t part) {
  float s[LANES], d[LANES], f[LANES];
  vector_store(s, vector_load_part(scores, part));
  vector_store(d, vector_load_part(products, part));
  if (slopes) vector_store(f, vector_load_part(slopes, part));
  step(row, s, d, slopes ? f : NULL);
  memcpy(scores, s, (size_t)part * sizeof *s);
  memcpy(products, d, (size_t)part * sizeof *d);
}

static void run_row(int64_t count, const Row *row, float *scores, float *products) {
  int64_t i = 0;
  for (; i + 2 * LANES <= count; i += 2 * LANES) {
    step(row, scores + i, products + i, NULL);
    step(row, scores + i + LANES, products + i + LANES, NULL);
  }
  for (; i + LANES <= count; i += LANES) step(row, scores + i, products + i, NULL);
  if (i < count) step_part(row, scores + i, products + i, NULL, count - i);
}

static void run_sloped_row(int64_t count, const Row *row, float *scores, float *products,
                           const float *slopes) {
  int64_t i = 0;
  for (; i + LANES <= count; i += LANES) step(row, scores + i, products + i, slopes + i);
  if (i < count) step_part(row, scores + i, products + i, slopes + i, count - i);
}

void TIER_FUNCTION(score_gradients)(const ScoreGradients *gradients) {
  for (int64_t r = 0; r < gradients->rows; r++) {
    float *scores = gradients->scores + r * gradients->stride;
    float *products = gradients->products + r * gradients->stride;
    if (gradients->lse[r] == -INFINITY) {
      memset(scores, 0, (size_t)gradients->columns * sizeof *scores);
      memset(products, 0, (size_t)gradients->columns * sizeof *products);
      continue;
    }
    Row row = {vector_set(gradients->scale), vector_set(-gradients->lse[r]),
               vector_set(gradients->delta[r])};
    if (gradients->slopes)
      run_sloped_row(gradients->columns, &row, scores, products,
                     gradients->slopes + r * gradients->stride);
    else
      run_row(gradients->columns, &row, scores, products);
  }
}

double TIER_FUNCTION(dot)(int64_t count, const float *a, const float *b) {
  enum { SUMS = 4, STRETCH = 4096 }; // summed in float32, the stretches in double
  double total = 0.0;
  for (int64_t begin = 0; begin < count; begin += STRETCH) {
    int64_t end = begin + STRETCH < count ? begin + STRETCH : count, i = begin;
    Vector sum[SUMS];
    for (int j = 0; j < SUMS; j++) sum[j] = vector_zero();
    for (; i + SUMS * LANES <= end; i += SUMS * LANES)
#pragma GCC unroll 4
      for (int j = 0; j < SUMS; j++)
        sum[j] = vector_fma(vector_load(a + i + j * LANES), vector_load(b + i + j * LANES), sum[j]);
    for (; i < end; i += LANES) {
      int64_t part = end - i < LANES ? end - i : LANES;
      sum[0] = vector_fma(vector_load_part(a + i, part), vector_load_part(b + i, part), sum[0]);
    }
    total += vector_sum(vector_add(vector_add(sum[0], sum[1]), vector_add(sum[2], sum[3])));
  }
  return total;
}
