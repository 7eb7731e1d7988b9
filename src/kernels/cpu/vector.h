// SPDX-License-Identifier: Apache-2.0
// The vocabulary that the vector kernels in this folder are written in. Each source here is
// compiled once per instruction-set tier; the tier's own vector.h gives the words their meaning, so
// a kernel is written once and never names an instruction.
//
//   Vector   LANES floats        Mask     LANES yes/no
//
// `part` forms touch the first `count` (0 … LANES) elements of memory only; the other lanes read 0.
// `pair` forms read or write LANES pairs of bfloat16 (even column, odd column). Where DOT_PAIRS is
// defined the processor multiplies such pairs, and where MATRIX_REGISTERS is, matrices of them.
#pragma once
#include "kernels/kernels.h"
#include "tensor/half.h"
#if defined(__AVX512BF16__)
#include "kernels/cpu/avx512_bf16/vector.h"
#elif defined(__AVX512F__)
#include "kernels/cpu/avx512/vector.h"
#elif defined(__AVX2__)
#include "kernels/cpu/avx2/vector.h"
#endif

#if defined(__AMX_BF16__) || defined(__AMXBF16__) // gcc, clang; clang until 15
#define MATRIX_REGISTERS
#endif

#define ALWAYS_INLINE inline __attribute__((always_inline))

#if defined(LANES)
enum { PANEL_VECTORS = MATRIX_PANEL / LANES };

static ALWAYS_INLINE Vector vector_load_as(Dtype dtype, const void *x, int64_t index) {
  if (dtype == DTYPE_BF16) return vector_load_bf16((const uint16_t *)x + index);
  if (dtype == DTYPE_F16) return vector_load_f16((const uint16_t *)x + index);
  return vector_load((const float *)x + index);
}

static ALWAYS_INLINE void vector_store_as(Dtype dtype, void *y, int64_t index, Vector value) {
  if (dtype == DTYPE_BF16)
    vector_store_bf16((uint16_t *)y + index, value);
  else if (dtype == DTYPE_F16)
    vector_store_f16((uint16_t *)y + index, value);
  else
    vector_store((float *)y + index, value);
}
#endif
