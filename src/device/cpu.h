// SPDX-License-Identifier: Apache-2.0
// Instruction-set tiers of this processor, found by CPUID (and what the system lets us use).
#pragma once
#include <stdbool.h>

// In order of preference, worst first. A tier implies those before it.
typedef enum {
  CPU_TIER_REFERENCE, // portable C
  CPU_TIER_AVX2,      // x86-64-v3: AVX2, FMA, F16C, BMI2
  CPU_TIER_AVX512,    // x86-64-v4: AVX-512 F, BW, VL, DQ
  // And AVX512_BF16: products with bfloat16 weights round the activations to bfloat16; all else
  // is as before.
  CPU_TIER_AVX512_BF16,
  // And AMX, where the system lets us use it: the same products on matrix registers.
  CPU_TIER_AMX_BF16,
  CPU_TIER_COUNT
} CpuTier;

const char *cpu_tier_name(CpuTier tier);                // "reference", "avx2", "avx512", …
bool cpu_tier_by_name(const char *name, CpuTier *tier); // the values of --cpu-mask
// The best that this machine can run. The first call in a process asks the kernel for the use of
// AMX: what runs a tier calls this, or what stands on it, before.
CpuTier cpu_best_tier(void);
// What a run takes: the fastest, or, where `mask` names a tier (not NULL or ""), that or the best
// below it. A processor with AMX multiplies pairs in vectors half as fast as it adds and multiplies
// floats: where AMX is not to be used, nor is AVX512_BF16, unless it is named.
CpuTier cpu_chosen_tier(const char *mask);
