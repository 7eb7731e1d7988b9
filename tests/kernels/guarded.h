// SPDX-License-Identifier: Apache-2.0
// What the kernel tests share: arrays that end right before a page which cannot be touched, fresh
// random numbers whose seed is printed, and comparison by relative error.
#pragma once
// cmocka wants these before it
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// and then
#include "base/clock.h"
#include "base/random.h"
#include "kernels/kernels.h"
#include "tensor/half.h"
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { GUARD_PAGE = 4096, GUARD_POISON = 0xA5 };

// [poison … | data (size bytes)] [untouchable page]
typedef struct {
  void *data;
  size_t size;
  unsigned char *base;
  size_t pages;
} Guarded;

static inline Guarded guarded_make(size_t size) {
  Guarded guarded = {.size = size, .pages = size / GUARD_PAGE + 2};
  size_t bytes = guarded.pages * GUARD_PAGE;
  guarded.base =
      mmap(NULL, bytes + GUARD_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_true(guarded.base != MAP_FAILED);
  assert_int_equal(mprotect(guarded.base + bytes, GUARD_PAGE, PROT_NONE), 0);
  memset(guarded.base, GUARD_POISON, bytes);
  guarded.data = guarded.base + bytes - size;
  return guarded;
}

// Fails if anything was written before the data.
static inline void guarded_free(Guarded guarded) {
  for (unsigned char *byte = guarded.base; byte < (unsigned char *)guarded.data; byte++)
    assert_int_equal(*byte, GUARD_POISON);
  munmap(guarded.base, (guarded.pages + 1) * GUARD_PAGE);
}

static inline Guarded guarded_normal(Random *random, int64_t count) {
  Guarded guarded = guarded_make((size_t)count * sizeof(float));
  float *values = guarded.data;
  for (int64_t i = 0; i < count; i++) values[i] = (float)random_normal(random);
  return guarded;
}

static inline Guarded guarded_nan(int64_t count) {
  Guarded guarded = guarded_make((size_t)count * sizeof(float));
  float *values = guarded.data;
  for (int64_t i = 0; i < count; i++) values[i] = NAN;
  return guarded;
}

static inline uint64_t fresh_seed(void) {
  const char *given = getenv("TEST_SEED");
  uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)clock_now();
  print_message("# TEST_SEED=%llu\n", (unsigned long long)seed);
  return seed;
}

// max|difference| / max|reference|; a NaN anywhere that the reference has none gives infinity.
static inline double relative_error(int64_t count, const float *values, const double *reference) {
  double difference = 0.0, largest = 0.0;
  for (int64_t i = 0; i < count; i++) {
    if (!(fabs(values[i] - reference[i]) <= 1e300)) return INFINITY;
    difference = fmax(difference, fabs(values[i] - reference[i]));
    largest = fmax(largest, fabs(reference[i]));
  }
  return difference == 0.0 ? 0.0 : difference / largest;
}

static inline void assert_close(int64_t count, const float *values, const double *reference,
                                double bound, const char *what) {
  double error = relative_error(count, values, reference);
  if (!(error <= bound)) fail_msg("%s: relative error %g, bound %g", what, error, bound);
}

// Body once for each tier of this machine, as `kernels`.
#define FOR_EACH_TIER(KERNELS)                                                                     \
  for (int tier_number = 0; tier_number <= (int)cpu_best_tier(); tier_number++)                    \
    for (const Kernels *KERNELS = kernels_for((CpuTier)tier_number); KERNELS; KERNELS = NULL)
