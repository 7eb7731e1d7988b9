// SPDX-License-Identifier: Apache-2.0
// Seeded random numbers: a small stateful generator (xoshiro256++, Blackman & Vigna 2019, seeded by
// splitmix64), and a counter-based one for work that is split over threads.
#pragma once
#include <stdint.h>

typedef struct {
  uint64_t state[4];
} Random;

Random random_seeded(uint64_t seed);
uint64_t random_next(Random *random);                  // 64 uniform bits
uint64_t random_below(Random *random, uint64_t limit); // 0 … limit-1, unbiased; limit > 0
double random_unit(Random *random);                    // [0, 1)
double random_normal(Random *random);                  // mean 0, deviation 1
// The same 64 bits for the same (seed, counter), whoever asks and in whatever order.
uint64_t random_at(uint64_t seed, uint64_t counter);
