// SPDX-License-Identifier: Apache-2.0
#include "device/cpu.h"
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

static const char *const tier_names[CPU_TIER_COUNT] = {"reference", "avx2", "avx512", "avx512_bf16",
                                                       "amx_bf16"};

const char *cpu_tier_name(CpuTier tier) {
  return tier_names[tier];
}

bool cpu_tier_by_name(const char *name, CpuTier *tier) {
  for (int i = 0; i < CPU_TIER_COUNT; i++) {
    if (strcmp(name, tier_names[i]) != 0) continue;
    *tier = (CpuTier)i;
    return true;
  }
  return false;
}

#if defined(__x86_64__)
static bool has_all(uint32_t flags, uint32_t wanted) {
  return (flags & wanted) == wanted;
}

// Which register files the system saves (XCR0). Only called when OSXSAVE is set.
static uint32_t saved_registers(void) {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

static bool has_matrices(void) {
  enum { AMX_BF16 = 1 << 22, AMX_TILE = 1 << 24 }; // of leaf 7 in EDX
  uint32_t a, b, c, d;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && has_all(d, AMX_BF16 | AMX_TILE);
}

// The kernel saves matrix registers of processes alone that have asked for them.
static bool may_use_matrices(void) {
  enum { REQUEST_PERMISSION = 0x1023, MATRIX_DATA = 18, SAVED = 3 << 17 };
  return has_matrices() && has_all(saved_registers(), SAVED) &&
         syscall(SYS_arch_prctl, REQUEST_PERMISSION, MATRIX_DATA) == 0;
}

static CpuTier find_tier(void) {
  enum { OSXSAVE = 1 << 27, FMA = 1 << 12, MOVBE = 1 << 22, F16C = 1 << 29, AVX = 1 << 28 };
  enum { BMI1 = 1 << 3, AVX2 = 1 << 5, BMI2 = 1 << 8, LZCNT = 1 << 5 };
  enum { AVX512F = 1 << 16, AVX512DQ = 1 << 17, AVX512CD = 1 << 28, AVX512BW = 1 << 30 };
  enum { AVX512_BF16 = 1 << 5 }; // of leaf 7, subleaf 1, in EAX
  const uint32_t avx512vl = 1u << 31;
  uint32_t a, b, c, d, b7, c_extended;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !has_all(c, OSXSAVE | AVX | FMA | F16C | MOVBE))
    return CPU_TIER_REFERENCE;
  if (!__get_cpuid_count(7, 0, &a, &b7, &b, &d) || !has_all(b7, AVX2 | BMI1 | BMI2))
    return CPU_TIER_REFERENCE;
  if (!__get_cpuid(0x80000001u, &a, &b, &c_extended, &d) || !has_all(c_extended, LZCNT))
    return CPU_TIER_REFERENCE;
  uint32_t saved = saved_registers();
  if (!has_all(saved, 0x06)) return CPU_TIER_REFERENCE;
  if (!has_all(saved, 0xE6) || !has_all(b7, AVX512F | AVX512DQ | AVX512CD | AVX512BW | avx512vl))
    return CPU_TIER_AVX2;
  bool pairs = __get_cpuid_count(7, 1, &a, &b, &c, &d) && has_all(a, AVX512_BF16);
  if (pairs && may_use_matrices()) return CPU_TIER_AMX_BF16;
  return pairs ? CPU_TIER_AVX512_BF16 : CPU_TIER_AVX512;
}
#else
static bool has_matrices(void) {
  return false;
}

static CpuTier find_tier(void) {
  return CPU_TIER_REFERENCE;
}
#endif

CpuTier cpu_best_tier(void) {
  // CPUID leaves a virtual machine, so it is asked once; every thread would find the same.
  static atomic_int known = -1;
  int tier = atomic_load_explicit(&known, memory_order_relaxed);
  if (tier < 0) {
    tier = (int)find_tier();
    atomic_store_explicit(&known, tier, memory_order_relaxed);
  }
  return (CpuTier)tier;
}

static CpuTier fastest_tier(void) {
  CpuTier best = cpu_best_tier();
  return best == CPU_TIER_AVX512_BF16 && has_matrices() ? CPU_TIER_AVX512 : best;
}

CpuTier cpu_chosen_tier(const char *mask) {
  CpuTier named, best = cpu_best_tier();
  if (!mask || !cpu_tier_by_name(mask, &named)) return fastest_tier();
  return named < best ? named : best;
}
