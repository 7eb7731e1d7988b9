// SPDX-License-Identifier: Apache-2.0
// One element at a time in meaning, LANES at a time in fact.
#include "kernels/cpu/exponential.h"
#include "kernels/cpu/operators.h"
#include <string.h>

// BODY for every vector of [0, count): `i` its first element, LOAD and STORE whole or part.
#define FOR_EACH_VECTOR(BODY)                                                                      \
  do {                                                                                             \
    int64_t i = 0, part = LANES;                                                                   \
    for (; i + LANES <= count; i += LANES) {                                                       \
      BODY(vector_load, STORE_WHOLE)                                                               \
    }                                                                                              \
    part = count - i;                                                                              \
    if (part) {                                                                                    \
      BODY(LOAD_PART, STORE_PART)                                                                  \
    }                                                                                              \
  } while (0)
#define LOAD_PART(X) vector_load_part(X, part)
#define STORE_WHOLE(Y, VALUE) vector_store(Y, VALUE);
#define STORE_PART(Y, VALUE) vector_store_part(Y, VALUE, part);

void TIER_FUNCTION(add)(int64_t count, const float *a, const float *b, float *y) {
#define BODY(LOAD, STORE) STORE(y + i, vector_add(LOAD(a + i), LOAD(b + i)))
  FOR_EACH_VECTOR(BODY);
#undef BODY
}

void TIER_FUNCTION(multiply)(int64_t count, const float *a, const float *b, float *y) {
#define BODY(LOAD, STORE) STORE(y + i, vector_multiply(LOAD(a + i), LOAD(b + i)))
  FOR_EACH_VECTOR(BODY);
#undef BODY
}

void TIER_FUNCTION(scale)(int64_t count, const float *x, float factor, float *y) {
  Vector all = vector_set(factor);
#define BODY(LOAD, STORE) STORE(y + i, vector_multiply(LOAD(x + i), all))
  FOR_EACH_VECTOR(BODY);
#undef BODY
}

void TIER_FUNCTION(add_scaled)(int64_t count, const float *x, float factor, float *y) {
  Vector all = vector_set(factor);
#define BODY(LOAD, STORE) STORE(y + i, vector_fma(LOAD(x + i), all, LOAD(y + i)))
  FOR_EACH_VECTOR(BODY);
#undef BODY
}

void TIER_FUNCTION(exponential)(int64_t count, const float *x, float *y) {
#define BODY(LOAD, STORE) STORE(y + i, vector_exponential(LOAD(x + i)))
  FOR_EACH_VECTOR(BODY);
#undef BODY
}

static ALWAYS_INLINE Vector gelu(Vector x) {
  Vector half = vector_multiply(vector_set(0.5f), vector_maximum(vector_set(-1e4f), x));
  Vector erf = vector_erf(vector_multiply(x, vector_set(0.70710678f)));
  return vector_multiply(half, vector_add(vector_set(1.0f), erf));
}

// x/2 (1 + tanh u) is x sigmoid(2 u).
static ALWAYS_INLINE Vector gelu_tanh(Vector x) {
  Vector cubic = vector_fma(vector_multiply(x, x), vector_set(0.044715f), vector_set(1.0f));
  Vector slope = vector_multiply(x, vector_set(1.5957691216f));
  return vector_gated(x, vector_multiply(slope, cubic));
}

static ALWAYS_INLINE Vector activation(Activation which, Vector x) {
  switch (which) {
  case ACTIVATION_SILU: return vector_gated(x, x);
  case ACTIVATION_QUICK_GELU: return vector_gated(x, vector_multiply(x, vector_set(1.702f)));
  case ACTIVATION_GELU: return gelu(x);
  case ACTIVATION_GELU_TANH: return gelu_tanh(x);
  case ACTIVATION_RELU: return vector_maximum(vector_zero(), x);
  default: return x;
  }
}

#define EACH_FAST_ACTIVATION(X)                                                                    \
  X(ACTIVATION_SILU)                                                                               \
  X(ACTIVATION_GELU)                                                                               \
  X(ACTIVATION_GELU_TANH)                                                                          \
  X(ACTIVATION_QUICK_GELU)                                                                         \
  X(ACTIVATION_RELU)                                                                               \
  X(ACTIVATION_NONE)

static ALWAYS_INLINE void activate_all(Activation which, int64_t count, const float *x, float *y) {
#define BODY(LOAD, STORE) STORE(y + i, activation(which, LOAD(x + i)))
  FOR_EACH_VECTOR(BODY);
#undef BODY
}

void TIER_FUNCTION(activate)(Activation which, int64_t count, const float *x, float *y) {
  switch (which) {
#define CASE(ACTIVATION)                                                                           \
  case ACTIVATION: activate_all(ACTIVATION, count, x, y); break;
    EACH_FAST_ACTIVATION(CASE)
#undef CASE
  default: kernels_reference.activate(which, count, x, y); // rare ones
  }
}

static ALWAYS_INLINE void gate_all(Activation which, int64_t count, const float *gate,
                                   const float *up, float *y) {
#define BODY(LOAD, STORE)                                                                          \
  STORE(y + i, vector_multiply(activation(which, LOAD(gate + i)), LOAD(up + i)))
  FOR_EACH_VECTOR(BODY);
#undef BODY
}

void TIER_FUNCTION(activate_multiply)(Activation which, int64_t count, const float *gate,
                                      const float *up, float *y) {
  switch (which) {
#define CASE(ACTIVATION)                                                                           \
  case ACTIVATION: gate_all(ACTIVATION, count, gate, up, y); break;
    EACH_FAST_ACTIVATION(CASE)
#undef CASE
  default: kernels_reference.activate_multiply(which, count, gate, up, y);
  }
}

static void rotate(int64_t half, const float *cosine, const float *sine, float *x) {
  for (int64_t i = 0; i < half; i += LANES) {
    int64_t part = half - i < LANES ? half - i : LANES;
    Vector c = vector_load_part(cosine + i, part), s = vector_load_part(sine + i, part);
    Vector a = vector_load_part(x + i, part), b = vector_load_part(x + half + i, part);
    Vector minus_s = vector_subtract(vector_zero(), s);
    vector_store_part(x + i, vector_fma(a, c, vector_multiply(b, minus_s)), part);
    vector_store_part(x + half + i, vector_fma(b, c, vector_multiply(a, s)), part);
  }
}

void TIER_FUNCTION(rope)(int64_t heads, int64_t head_stride, int64_t half, const float *cosine,
                         const float *sine, float *x) {
  for (int64_t head = 0; head < heads; head++) rotate(half, cosine, sine, x + head * head_stride);
}

static ALWAYS_INLINE void widen_as(Dtype dtype, int64_t count, const void *x, float *y) {
  int64_t i = 0;
  for (; i + LANES <= count; i += LANES) vector_store(y + i, vector_load_as(dtype, x, i));
  if (i == count) return;
  uint16_t rest[LANES] = {0};
  memcpy(rest, (const uint16_t *)x + i, (size_t)(count - i) * sizeof *rest);
  vector_store_part(y + i, vector_load_as(dtype, rest, 0), count - i);
}

void TIER_FUNCTION(widen)(Dtype dtype, int64_t count, const void *x, float *y) {
  if (dtype == DTYPE_BF16)
    widen_as(DTYPE_BF16, count, x, y);
  else if (dtype == DTYPE_F16)
    widen_as(DTYPE_F16, count, x, y);
  else if (x != y)
    memcpy(y, x, (size_t)count * sizeof *y);
}

static ALWAYS_INLINE void narrow_as(Dtype dtype, int64_t count, const float *x, void *y) {
  int64_t i = 0;
  for (; i + LANES <= count; i += LANES) vector_store_as(dtype, y, i, vector_load(x + i));
  if (i == count) return;
  uint16_t rest[LANES];
  vector_store_as(dtype, rest, 0, vector_load_part(x + i, count - i));
  memcpy((uint16_t *)y + i, rest, (size_t)(count - i) * sizeof *rest);
}

void TIER_FUNCTION(narrow)(Dtype dtype, int64_t count, const float *x, void *y) {
  if (dtype == DTYPE_BF16)
    narrow_as(DTYPE_BF16, count, x, y);
  else if (dtype == DTYPE_F16)
    narrow_as(DTYPE_F16, count, x, y);
  else if (x != y)
    memcpy(y, x, (size_t)count * sizeof *x);
}
