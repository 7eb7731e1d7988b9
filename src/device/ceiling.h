// SPDX-License-Identifier: Apache-2.0
// What this machine can do at best, measured: the numbers that every share is a share of.
//
// FMA: independent chains of float32 multiply-adds that never leave the registers, in the widest
// form of the tier (portable C for the reference tier). Dot: the same of pairs of bfloat16 summed
// in float32, where the tier has that product. Read: every thread sums its contiguous part of a
// buffer that no cache holds. Copy: memcpy of one half of it onto the other, counted once (a byte
// copied is one byte). Read and copy are medians of several rounds; FMA and dot are the best of
// them, as nothing but other work on the cores lowers it.
#pragma once
#include "device/cpu.h"
#include "device/team.h"

typedef struct {
  CpuTier tier;
  int threads;
  double fma_gflop_per_s_single; // one thread, float32, an FMA counted as two
  double fma_gflop_per_s;        // all threads together
  double dot_gflop_per_s;        // all threads, pairs of bfloat16; 0: the tier has no such product
  double read_gb_per_s;          // all threads, 10^9 bytes
  double copy_gb_per_s;          // all threads, bytes copied
  int64_t buffer_bytes;          // what was read in one round
} Ceilings;

// Takes about a second; false: no memory for the buffer.
CHECKED bool ceilings_measure(Team *team, CpuTier tier, Ceilings *ceilings, Error *error);

// The pieces, so that a benchmark can take the ceiling again right beside a measurement.
double ceiling_fma(Team *team, CpuTier tier, int rounds); // GFLOP/s, best
double ceiling_dot(Team *team, CpuTier tier, int rounds); // the same; 0: no such product
double ceiling_read(Team *team, CpuTier tier, const void *buffer, int64_t bytes,
                    int rounds); // GB/s, median
