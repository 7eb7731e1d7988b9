// SPDX-License-Identifier: Apache-2.0
// A few rows of activations against rows of a cache as they lie: what decoding does.
#include "kernels/cpu/operators.h"
#include "kernels/matmul.h"

void TIER_FUNCTION(matmul_direct)(const Matmul *product, int64_t begin, int64_t end) {
  if (product->transposed)
    TIER_FUNCTION(scores_direct)(product, begin, end);
  else
    TIER_FUNCTION(values_direct)(product, begin, end);
}
