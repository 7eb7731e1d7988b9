// SPDX-License-Identifier: Apache-2.0
#include "kernels/kernels.h"

const Kernels *kernels_for(CpuTier tier) {
#if defined(__x86_64__)
  if (tier == CPU_TIER_AMX_BF16) return &kernels_amx_bf16;
  if (tier == CPU_TIER_AVX512_BF16) return &kernels_avx512_bf16;
  if (tier == CPU_TIER_AVX512) return &kernels_avx512;
  if (tier == CPU_TIER_AVX2) return &kernels_avx2;
#endif
  (void)tier;
  return &kernels_reference;
}
