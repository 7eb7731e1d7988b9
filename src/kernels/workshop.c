// SPDX-License-Identifier: Apache-2.0
#include "kernels/workshop.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
  PATTERN = 65521, // prime: no two panels or rows of the weights are alike
  MOST_CHECKED = 4096,
  MOST_SAMPLES = 101,
  LEAST_SAMPLES = 5,
  POISON_BYTES = 256,
  POISON = 0xA5
};
static const int64_t rotation_bytes = 256 << 20;
static const int64_t most_elements = INT64_C(1) << 32;

typedef struct {
  WorkshopCase bench;
  const WorkshopOperator *operator;
  Region x, x2, y, scratch, weights;
  int64_t weight_bytes, copies, turn;
} Stand;

static int64_t bytes_of(Dtype dtype, int64_t count) {
  int64_t bytes = count * dtype_facts(dtype)->block_bytes;
  return (bytes + 63) / 64 * 64;
}

static void fill_random(uint64_t seed, int64_t count, float *values) {
  Random random = random_seeded(seed);
  int64_t drawn = count < PATTERN ? count : PATTERN;
  for (int64_t i = 0; i < drawn; i++) values[i] = (float)random_normal(&random);
  for (int64_t i = drawn; i < count; i += drawn)
    memcpy(values + i, values, (size_t)(count - i < drawn ? count - i : drawn) * sizeof *values);
}

static void fill_weights(Stand *stand, uint64_t seed) {
  Dtype dtype = stand->bench.dtype;
  float *pattern = memory_allocate(PATTERN * sizeof *pattern);
  fill_random(seed + 2, PATTERN, pattern);
  int64_t size = dtype_facts(dtype)->block_bytes, count = (int64_t)stand->weights.size / size;
  for (int64_t i = 0; i < count; i += PATTERN)
    stand->bench.kernels->narrow(dtype, count - i < PATTERN ? count - i : PATTERN, pattern,
                                 (char *)stand->weights.data + i * size);
  memory_free(pattern);
}

static bool shape_is_sane(const WorkshopCase *bench) {
  const WorkshopShape *shape = &bench->shape;
  if (shape->m < 1 || shape->n < 1 || shape->k < 0) return false;
  if (shape->m > INT32_MAX || shape->n > INT32_MAX || shape->k > INT32_MAX) return false;
  double most = (double)most_elements, m = (double)shape->m, n = (double)shape->n;
  double k = (double)(shape->k ? shape->k : 1);
  return m * n <= most && n * k <= most && m * k <= most;
}

static bool open_stand(Stand *stand, uint64_t seed, Error *error) {
  WorkshopCase *bench = &stand->bench;
  if (!shape_is_sane(bench))
    return error_set(error, ERROR_ARGUMENT, stand->operator->name,
                     "a shape of at least 1 and less than 2^32 elements is expected");
  bench->y_dtype = DTYPE_F32;
  stand->operator->plan(bench);
  stand->weight_bytes = bytes_of(bench->dtype, bench->weight_count);
  stand->copies = stand->weight_bytes ? 1 + rotation_bytes / stand->weight_bytes : 1;
  int64_t y_bytes = bytes_of(bench->y_dtype, bench->y_count) + 2 * POISON_BYTES;
  if (!region_map(&stand->x, (size_t)bytes_of(DTYPE_F32, bench->x_count), error) ||
      !region_map(&stand->x2, (size_t)bytes_of(DTYPE_F32, bench->x2_count), error) ||
      !region_map(&stand->y, (size_t)y_bytes, error) ||
      !region_map(&stand->scratch, (size_t)bench->scratch_bytes, error) ||
      !region_map(&stand->weights, (size_t)(stand->weight_bytes * stand->copies), error))
    return false;
  bench->x = stand->x.data, bench->x2 = stand->x2.data, bench->scratch = stand->scratch.data;
  bench->y = (char *)stand->y.data + POISON_BYTES;
  bench->weights = stand->weights.data;
  fill_random(seed, bench->x_count, bench->x);
  fill_random(seed + 1, bench->x2_count, bench->x2);
  fill_weights(stand, seed);
  memset(stand->y.data, POISON, stand->y.size);
  return true;
}

static void close_stand(Stand *stand) {
  region_unmap(&stand->x);
  region_unmap(&stand->x2);
  region_unmap(&stand->y);
  region_unmap(&stand->scratch);
  region_unmap(&stand->weights);
}

static void task(void *context, int thread, int threads) {
  Stand *stand = context;
  stand->operator->run(&stand->bench, thread, threads);
}

static void execute(Stand *stand) {
  stand->bench.weights = (const char *)stand->weights.data + stand->turn * stand->weight_bytes;
  stand->turn = (stand->turn + 1) % stand->copies;
  if (stand->operator->own_threads)
    stand->operator->run(&stand->bench, -1, team_size(stand->bench.team));
  else
    team_run(stand->bench.team, task, stand);
}

static bool poison_is_whole(const Stand *stand) {
  const WorkshopCase *bench = &stand->bench;
  const unsigned char *before = stand->y.data;
  const unsigned char *after =
      (const unsigned char *)bench->y + bench->y_count * dtype_facts(bench->y_dtype)->block_bytes;
  for (int i = 0; i < POISON_BYTES; i++)
    if (before[i] != POISON || after[i] != POISON) return false;
  return true;
}

// The relative error over all outputs, or over a random choice with both ends where there are many.
static double residual_of(const Stand *stand, uint64_t seed) {
  const WorkshopCase *bench = &stand->bench;
  int64_t size = dtype_facts(bench->y_dtype)->block_bytes, count = bench->y_count;
  bool all = count <= MOST_CHECKED;
  double difference = 0.0, largest = 0.0;
  for (int64_t i = 0; i < (all ? count : MOST_CHECKED); i++) {
    int64_t index = all ? i : (int64_t)(random_at(seed, (uint64_t)i) % (uint64_t)count);
    if (!all && i < 2) index = i ? count - 1 : 0;
    float value;
    bench->kernels->widen(bench->y_dtype, 1, (const char *)bench->y + index * size, &value);
    double expected = stand->operator->expect(bench, index);
    if (!(fabs(value - expected) <= 1e300)) return INFINITY;
    difference = fmax(difference, fabs(value - expected));
    largest = fmax(largest, fabs(expected));
  }
  return difference == 0.0 ? 0.0 : difference / largest;
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double seconds_of(Stand *stand, int64_t executions) {
  int64_t start = clock_now();
  for (int64_t i = 0; i < executions; i++) execute(stand);
  return clock_seconds(clock_now() - start);
}

// How many executions take two milliseconds or more together.
static int64_t calibrate(Stand *stand) {
  int64_t executions = 1;
  while (seconds_of(stand, executions) < 2e-3 && executions < 1 << 24) executions *= 2;
  return executions;
}

static void take_time(Stand *stand, double budget, WorkshopResult *result) {
  double samples[MOST_SAMPLES];
  int64_t executions = calibrate(stand), start = clock_now();
  int count = 0;
  while (count < MOST_SAMPLES &&
         (count < LEAST_SAMPLES || clock_seconds(clock_now() - start) < budget))
    samples[count++] = seconds_of(stand, executions) / (double)executions;
  qsort(samples, (size_t)count, sizeof *samples, compare);
  result->samples = count;
  result->seconds =
      count % 2 ? samples[count / 2] : 0.5 * (samples[count / 2] + samples[count / 2 - 1]);
}

static void rate(const WorkshopCase *bench, const Ceilings *ceilings, WorkshopResult *result) {
  result->gflop_per_s = bench->flops * 1e-9 / result->seconds;
  result->gb_per_s = bench->bytes * 1e-9 / result->seconds;
  result->share = fmax(result->gflop_per_s / ceilings->fma_gflop_per_s,
                       result->gb_per_s / ceilings->read_gb_per_s);
}

bool workshop_measure(const WorkshopOperator *operator, const Kernels * kernels, Team *team,
                      const Ceilings *ceilings, Dtype dtype, WorkshopShape shape, uint64_t seed,
                      double seconds, WorkshopResult *result, Error *error) {
  Stand stand = {.bench = {.kernels = kernels, .team = team, .dtype = dtype, .shape = shape},
                 .operator= operator};
  *result = (WorkshopResult){.operator= operator,
                             .tier = kernels->tier,
                             .dtype = dtype,
                             .shape = shape,
                             .seed = seed,
                             .bound = operator->bound };
  bool opened = open_stand(&stand, seed, error);
  if (opened) {
    execute(&stand);
    result->residual = poison_is_whole(&stand) ? residual_of(&stand, seed) : INFINITY;
    result->correct = result->residual <= result->bound;
  }
  if (result->correct) {
    take_time(&stand, seconds, result);
    rate(&stand.bench, ceilings, result);
  }
  close_stand(&stand);
  return opened;
}
