// SPDX-License-Identifier: Apache-2.0
// The loops behind the ceilings, compiled once for each tier from ceiling_loops.c.
#pragma once
#include <stdint.h>

typedef struct {
  int64_t flops_per_round;
  float (*run)(int64_t rounds);
} CeilingProduct;

typedef struct {
  CeilingProduct fma, dot; // dot: pairs of bfloat16; {0} where the tier has no such product
  uint64_t (*read)(const void *data, int64_t bytes); // bytes: a multiple of 1024, 64-byte aligned
} CeilingLoops;

extern const CeilingLoops ceiling_loops_reference, ceiling_loops_avx2, ceiling_loops_avx512,
    ceiling_loops_avx512_bf16, ceiling_loops_amx_bf16;
