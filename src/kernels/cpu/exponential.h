// SPDX-License-Identifier: Apache-2.0
// exp of a Vector, and what is made of it.
#pragma once
#include "kernels/cpu/vector.h"

#if defined(LANES)
// exp(r) - 1 for |r| ≤ ln 2 / 2 as r + r² P(r); P interpolates at Chebyshev nodes, 1e-8 relative
// error of exp.
static ALWAYS_INLINE Vector vector_exponential_rest(Vector r) {
  Vector p = vector_set(0x1.6d117cp-10f);
  p = vector_fma(p, r, vector_set(0x1.120be2p-7f));
  p = vector_fma(p, r, vector_set(0x1.555518p-5f));
  p = vector_fma(p, r, vector_set(0x1.5554dcp-3f));
  p = vector_fma(p, r, vector_set(0.5f));
  return vector_fma(vector_multiply(r, r), p, r);
}

// exp(x) within 1.5 ulp; overflows to infinity and underflows through the subnormals to 0 where exp
// does; a NaN stays one. With n = round(x / ln 2) and r = x - n ln 2 (ln 2 in two parts), exp(x) is
// 2^n times exp(r).
static ALWAYS_INLINE Vector vector_exponential(Vector x) {
  x = vector_minimum(vector_set(89.5f), x); // operand order: a NaN passes
  x = vector_maximum(vector_set(-105.0f), x);
  Vector n = vector_round(vector_multiply(x, vector_set(0x1.715476p+0f)));
  Vector r = vector_fma(n, vector_set(-0x1.62e4p-1f), x);
  r = vector_fma(n, vector_set(-0x1.7f7d1cp-20f), r);
  return vector_scale_by_power(vector_add(vector_exponential_rest(r), vector_set(1.0f)), n);
}

// exp(x) - 1 for x ≤ 0, within 2.5 ulp, near 0 too; a NaN stays one. As above, n = 0 leaving r + r²
// P(r) alone.
static ALWAYS_INLINE Vector vector_exponential_less_one(Vector x) {
  x = vector_maximum(vector_set(-40.0f), x); // operand order: a NaN passes
  Vector n = vector_round(vector_multiply(x, vector_set(0x1.715476p+0f)));
  Vector r = vector_fma(n, vector_set(-0x1.62e4p-1f), x);
  r = vector_fma(n, vector_set(-0x1.7f7d1cp-20f), r);
  Vector p = vector_exponential_rest(r), one = vector_set(1.0f);
  Vector power = vector_scale_by_power(one, n);
  return vector_fma(power, p, vector_subtract(power, one));
}

// x / (1 + exp(-s)); minus infinity gives 0 (x is held above -1e4: its product is 0 long before).
static ALWAYS_INLINE Vector vector_gated(Vector x, Vector s) {
  Vector one = vector_set(1.0f);
  Vector bounded = vector_maximum(vector_set(-1e4f), x);
  return vector_divide(bounded,
                       vector_add(one, vector_exponential(vector_subtract(vector_zero(), s))));
}

// erf, absolute error below 5e-7: Abramowitz & Stegun 7.1.26.
static ALWAYS_INLINE Vector vector_erf(Vector x) {
  Vector one = vector_set(1.0f), size = vector_absolute(x);
  Vector t = vector_divide(one, vector_fma(vector_set(0.3275911f), size, one));
  Vector p = vector_set(1.061405429f);
  p = vector_fma(p, t, vector_set(-1.453152027f));
  p = vector_fma(p, t, vector_set(1.421413741f));
  p = vector_fma(p, t, vector_set(-0.284496736f));
  p = vector_fma(p, t, vector_set(0.254829592f));
  Vector tail = vector_exponential(vector_multiply(vector_subtract(vector_zero(), size), size));
  Vector result = vector_subtract(one, vector_multiply(vector_multiply(p, t), tail));
  return vector_copy_sign(result, x);
}
#endif
