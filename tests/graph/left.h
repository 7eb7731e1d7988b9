// SPDX-License-Identifier: Apache-2.0
// What a run of a random program leaves behind, by the code itself or by its trace.
#pragma once
#include "graph/graph.h"
#include "random_program.h"

// Its outputs, densely, and the cache; free(values).
typedef struct {
  float *values;
  int64_t count;
} Left;

Left left_of(const RandomProgram *program, const Tensor *outputs, int count);
Left left_by_eager(RandomProgram *program, const Kernels *kernels, Team *team);
// Fails the test, naming the program's seed, where a difference is above bound (1 + |expected|) or
// a NaN is.
void left_compare(uint64_t seed, const char *what, const Left *expected, const Left *found,
                  double bound);
enum { LEFT_EXACT = 0 };
#define LEFT_ROUNDED 2e-4 // what moved roundings grow to
Graph *random_program_trace(RandomProgram *program);
