// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"
#include <math.h>

static const uint64_t golden_gamma = 0x9E3779B97F4A7C15u;

static uint64_t splitmix(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9u;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBu;
  return value ^ (value >> 31);
}

uint64_t random_at(uint64_t seed, uint64_t counter) {
  return splitmix(splitmix(seed + golden_gamma) + (counter + 1) * golden_gamma);
}

Random random_seeded(uint64_t seed) {
  Random random;
  for (uint64_t i = 0; i < 4; i++) random.state[i] = splitmix(seed + (i + 1) * golden_gamma);
  return random;
}

static uint64_t rotate_left(uint64_t value, int count) {
  return (value << count) | (value >> (64 - count));
}

uint64_t random_next(Random *random) {
  uint64_t *s = random->state;
  uint64_t result = rotate_left(s[0] + s[3], 23) + s[0];
  uint64_t shifted = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= shifted;
  s[3] = rotate_left(s[3], 45);
  return result;
}

uint64_t random_below(Random *random, uint64_t limit) {
  uint64_t smallest = -limit % limit; // values below this would favour small results
  uint64_t value;
  do value = random_next(random);
  while (value < smallest);
  return value % limit;
}

double random_unit(Random *random) {
  return (double)(random_next(random) >> 11) * 0x1p-53;
}

double random_normal(Random *random) {
  double radius = sqrt(-2.0 * log(1.0 - random_unit(random)));
  return radius * cos(2.0 * M_PI * random_unit(random));
}
