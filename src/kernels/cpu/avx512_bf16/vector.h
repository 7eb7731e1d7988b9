// SPDX-License-Identifier: Apache-2.0
// The words of AVX-512 and those that AVX512_BF16 adds, where LANES pairs of bfloat16 lie in a
// Vector in the place of LANES floats.
#pragma once
#include "kernels/cpu/avx512/vector.h"
#if defined(LANES) && defined(__AVX512BF16__)
#define DOT_PAIRS

// 2 LANES floats in order, rounded to nearest even; a subnormal becomes 0.
VECTOR_WORD Vector vector_round_pairs(Vector first, Vector second) {
  return (Vector)_mm512_cvtne2ps_pbh(second, first);
}

// a.even b.even + a.odd b.odd + c of each lane, in float32. The instruction rounds to nearest even
// whatever the thread's mode, treats subnormal inputs as 0, and gives 0 for a subnormal result.
VECTOR_WORD Vector vector_dot_pairs(Vector a, Vector b, Vector c) {
  return _mm512_dpbf16_ps(c, (__m512bh)a, (__m512bh)b);
}
#endif
