// SPDX-License-Identifier: Apache-2.0
// Rows of any number-like dtype to float32, and float32 rows to the compute dtypes.
//
// The block formats (Q4_0 … Q6_K) are those of GGUF files; a row is whole blocks. Every value is
// computed in float32 in the order scale * quant (+ or - offset), without fused multiply-add, so
// that the result is the same bits on every machine. 16-bit floats mean what tensor/half.h says.
#pragma once
#include "tensor/dtype.h"

// Whether widen_row knows the dtype: floats of 8 (E4M3, E5M2), 16, 32 and 64 bits, integers, bool,
// Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K.
bool widen_supports(Dtype dtype);
// Widens `count` elements (whole blocks). `source` may have any alignment; `out` is float-aligned
// and does not overlap it. The dtype must be one that widen_supports. Integers and float64 round
// to the nearest float32.
void widen_row(Dtype dtype, const void *source, float *out, int64_t count);
// Rounds `count` floats to float32 (a copy), bfloat16 or float16: dtype_is_compute must hold. `out`
// may have any alignment and does not overlap `source`.
void narrow_row(Dtype dtype, const float *source, void *out, int64_t count);
