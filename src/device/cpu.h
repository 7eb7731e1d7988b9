// SPDX-License-Identifier: Apache-2.0
// Instruction-set tiers of this processor, found by CPUID (and what the system lets us use).
#pragma once
#include <stdbool.h>

// In order of preference, worst first. A tier implies those before it.
typedef enum {
  CPU_TIER_REFERENCE, // portable C
  CPU_TIER_AVX2,      // x86-64-v3: AVX2, FMA, F16C, BMI2
  CPU_TIER_AVX512,    // x86-64-v4: AVX-512 F, BW, VL, DQ
  // And AVX512_BF16: products of more than a few rows with bfloat16 weights round the activations
  // to bfloat16; all else is as before.
  CPU_TIER_AVX512_BF16,
  CPU_TIER_COUNT
} CpuTier;

const char *cpu_tier_name(CpuTier tier);                // "reference", "avx2", "avx512", …
bool cpu_tier_by_name(const char *name, CpuTier *tier); // the values of --cpu-mask
CpuTier cpu_best_tier(void);                            // best this machine can run
// What a run takes: the fastest, or, where `mask` names a tier (not NULL or ""), that or the best
// below it. Where a processor multiplies whole matrices of bfloat16 (AMX), its vector product of
// pairs is half as fast as multiply-adds, and AVX512_BF16 is taken only when it is named.
CpuTier cpu_chosen_tier(const char *mask);
