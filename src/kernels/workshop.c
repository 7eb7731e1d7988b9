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
  MOST_CHECKED = 256,
  MOST_SAMPLES = 101,
  LEAST_SAMPLES = 5, // where they fit
  CEILING_ROUNDS = 15,
  POISON_BYTES = 256,
  POISON = 0xA5
};
#define LONG_EXECUTION 0.05 // seconds
#define CHECK_PRODUCTS 3e7
static const int64_t rotation_bytes = 256 << 20;
static const int64_t most_elements = INT64_C(1) << 32;

struct Workshop {
  const Openblas *openblas;
  Team *team;
  Ceilings ceilings;
  uint64_t seed;
  Region weights;
  Dtype weights_dtype; // what they are filled with
};

typedef struct {
  WorkshopCase bench;
  Workshop *workshop;
  const WorkshopOperator *op;
  Region x, x2, y, scratch;
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

// Random values of the dtype all over; where a matrix begins and ends does not matter.
static void fill_weights(Workshop *workshop, Dtype dtype) {
  float *pattern = memory_allocate(PATTERN * sizeof *pattern);
  fill_random(workshop->seed + 2, PATTERN, pattern);
  int64_t size = dtype_facts(dtype)->block_bytes, count = (int64_t)workshop->weights.size / size;
  for (int64_t i = 0; i < count; i += PATTERN)
    kernels_for(cpu_best_tier())
        ->narrow(dtype, count - i < PATTERN ? count - i : PATTERN, pattern,
                 (char *)workshop->weights.data + i * size);
  memory_free(pattern);
  workshop->weights_dtype = dtype;
}

// At least `bytes`, filled with the dtype.
static bool need_weights(Workshop *workshop, Dtype dtype, int64_t bytes, Error *error) {
  if (bytes == 0) return true;
  bool enough = (int64_t)workshop->weights.size >= bytes;
  if (enough && workshop->weights_dtype == dtype) return true;
  if (!enough) {
    region_unmap(&workshop->weights);
    int64_t size = bytes > rotation_bytes ? bytes : rotation_bytes;
    if (!region_map(&workshop->weights, (size_t)size, error)) return false;
  }
  fill_weights(workshop, dtype);
  return true;
}

static bool shape_is_sane(const WorkshopCase *bench) {
  const WorkshopShape *shape = &bench->shape;
  if (shape->m < 1 || shape->n < 1 || shape->k < 0) return false;
  if (shape->m > INT32_MAX || shape->n > INT32_MAX || shape->k > INT32_MAX) return false;
  double most = (double)most_elements, m = (double)shape->m, n = (double)shape->n;
  double k = (double)(shape->k ? shape->k : 1);
  return m * n <= most && n * k <= most && m * k <= most;
}

static bool map_stand(Stand *stand, Error *error) {
  WorkshopCase *bench = &stand->bench;
  int64_t y_bytes = bytes_of(bench->y_dtype, bench->y_count) + 2 * POISON_BYTES;
  return region_map(&stand->x, (size_t)bytes_of(DTYPE_F32, bench->x_count), error) &&
         region_map(&stand->x2, (size_t)bytes_of(DTYPE_F32, bench->x2_count), error) &&
         region_map(&stand->y, (size_t)y_bytes, error) &&
         region_map(&stand->scratch, (size_t)bench->scratch_bytes, error) &&
         need_weights(stand->workshop, bench->dtype, stand->weight_bytes * stand->copies, error);
}

static bool open_stand(Stand *stand, Error *error) {
  WorkshopCase *bench = &stand->bench;
  uint64_t seed = stand->workshop->seed;
  if (!shape_is_sane(bench))
    return error_set(error, ERROR_ARGUMENT, stand->op->name,
                     "a shape of at least 1 and less than 2^32 elements is expected");
  bench->y_dtype = DTYPE_F32;
  stand->op->plan(bench);
  stand->weight_bytes = bytes_of(bench->dtype, bench->weight_count);
  if (stand->weight_bytes > 0 && stand->weight_bytes < rotation_bytes)
    stand->copies = rotation_bytes / stand->weight_bytes;
  if (!map_stand(stand, error)) return false;
  bench->x = stand->x.data, bench->x2 = stand->x2.data, bench->scratch = stand->scratch.data;
  bench->y = (char *)stand->y.data + POISON_BYTES;
  bench->weights = stand->workshop->weights.data;
  fill_random(seed, bench->x_count, bench->x);
  fill_random(seed + 1, bench->x2_count, bench->x2);
  memset(stand->y.data, POISON, stand->y.size);
  // A model's scratch has its pages: what is timed once must not pay for them.
  if (stand->scratch.size) memset(stand->scratch.data, POISON, stand->scratch.size);
  return true;
}

static void close_stand(Stand *stand) {
  region_unmap(&stand->x);
  region_unmap(&stand->x2);
  region_unmap(&stand->y);
  region_unmap(&stand->scratch);
}

static void task(void *context, int thread, int threads) {
  Stand *stand = context;
  stand->op->run(&stand->bench, thread, threads);
}

static void execute(Stand *stand) {
  const char *weights = stand->workshop->weights.data;
  if (stand->weight_bytes) stand->bench.weights = weights + stand->turn * stand->weight_bytes;
  stand->turn = (stand->turn + 1) % stand->copies;
  if (stand->op->own_threads)
    stand->op->run(&stand->bench, -1, team_size(stand->bench.team));
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
  int64_t most = MOST_CHECKED;
  if (bench->check_products * MOST_CHECKED > CHECK_PRODUCTS)
    most = (int64_t)fmax(2.0, CHECK_PRODUCTS / bench->check_products);
  bool all = count <= most;
  double difference = 0.0, largest = 0.0;
  for (int64_t i = 0; i < (all ? count : most); i++) {
    int64_t index = all ? i : (int64_t)(random_at(seed, (uint64_t)i) % (uint64_t)count);
    if (!all && i < 2) index = i ? count - 1 : 0;
    float value;
    bench->kernels->widen(bench->y_dtype, 1, (const char *)bench->y + index * size, &value);
    double expected = stand->op->expect(bench, index);
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

// How many executions take a millisecond or more together; *seconds is what they took each.
static int64_t calibrate(Stand *stand, double *seconds) {
  int64_t executions = 1;
  double taken = seconds_of(stand, executions);
  while (taken < 1e-3 && executions < 1 << 24) {
    executions *= 2;
    taken = seconds_of(stand, executions);
  }
  *seconds = taken / (double)executions;
  return executions;
}

// `first` is what the checked execution took. What alone takes longer than the budget is not done
// again.
static void take_time(Stand *stand, double first, double budget, WorkshopResult *result) {
  double samples[MOST_SAMPLES];
  if (first > fmax(budget, LONG_EXECUTION)) {
    result->samples = 1;
    result->seconds = first;
    return;
  }
  int64_t start = clock_now(), executions = calibrate(stand, &samples[0]);
  double batch = samples[0] * (double)executions;
  int least = LEAST_SAMPLES * batch > fmax(budget, LONG_EXECUTION) ? 1 : LEAST_SAMPLES, count = 1;
  while (count < MOST_SAMPLES &&
         (count < least || clock_seconds(clock_now() - start) + batch < budget))
    samples[count++] = seconds_of(stand, executions) / (double)executions;
  qsort(samples, (size_t)count, sizeof *samples, compare);
  result->samples = count;
  result->seconds =
      count % 2 ? samples[count / 2] : 0.5 * (samples[count / 2] + samples[count / 2 - 1]);
}

static void take_rates(const WorkshopCase *bench, const Ceilings *ceilings,
                       WorkshopResult *result) {
  result->gflop_per_s = bench->flops * 1e-9 / result->seconds;
  result->gb_per_s = bench->bytes * 1e-9 / result->seconds;
  double rate = bench->dot ? ceilings->dot_gflop_per_s : ceilings->fma_gflop_per_s;
  double of_product = result->gflop_per_s / rate;
  double of_read = result->gb_per_s / ceilings->read_gb_per_s;
  result->fma_gflop_per_s = ceilings->fma_gflop_per_s;
  result->read_gb_per_s = ceilings->read_gb_per_s;
  result->dot_gflop_per_s = ceilings->dot_gflop_per_s;
  result->share_of = of_read >= of_product ? "read" : bench->dot ? "dot" : "FMA";
  result->share = fmax(of_product, of_read);
}

Workshop *workshop_open(Team *team, const Ceilings *ceilings, uint64_t seed) {
  Workshop *workshop = memory_allocate(sizeof *workshop);
  *workshop = (Workshop){.team = team, .ceilings = *ceilings, .seed = seed};
  return workshop;
}

bool workshop_take_ceilings(Workshop *workshop, Dtype dtype, Error *error) {
  enum { READ_ROUNDS = 5 };
  Ceilings *ceilings = &workshop->ceilings;
  if (!need_weights(workshop, dtype, 1, error)) return false;
  ceilings->fma_gflop_per_s = ceiling_fma(workshop->team, ceilings->tier, CEILING_ROUNDS);
  ceilings->dot_gflop_per_s = ceiling_dot(workshop->team, ceilings->tier, CEILING_ROUNDS);
  ceilings->read_gb_per_s = ceiling_read(workshop->team, ceilings->tier, workshop->weights.data,
                                         (int64_t)workshop->weights.size, READ_ROUNDS);
  return true;
}

void workshop_set_openblas(Workshop *workshop, const Openblas *openblas) {
  workshop->openblas = openblas;
}

void workshop_close(Workshop *workshop) {
  if (!workshop) return;
  region_unmap(&workshop->weights);
  memory_free(workshop);
}

bool workshop_measure(Workshop *workshop, const WorkshopOperator *op, const Kernels *kernels,
                      Dtype dtype, WorkshopShape shape, double seconds, WorkshopResult *result,
                      Error *error) {
  Stand stand = {.bench = {.kernels = kernels,
                           .openblas = workshop->openblas,
                           .team = workshop->team,
                           .dtype = dtype,
                           .shape = shape},
                 .workshop = workshop,
                 .op = op,
                 .copies = 1};
  *result = (WorkshopResult){.op = op,
                             .by = op->library ? op->library : cpu_tier_name(kernels->tier),
                             .dtype = dtype,
                             .shape = shape,
                             .bound = op->bound * sqrt(shape.k > 0 ? (double)shape.k : 1.0)};
  double first = 0.0;
  bool opened = open_stand(&stand, error);
  if (opened) {
    first = seconds_of(&stand, 1);
    result->residual = poison_is_whole(&stand) ? residual_of(&stand, workshop->seed) : INFINITY;
    result->correct = result->residual <= result->bound;
  }
  if (result->correct) {
    take_time(&stand, first, seconds, result);
    Ceilings ceilings = workshop->ceilings; // the peak of pairs is not the same in all tiers
    if (stand.bench.dot && kernels->tier != ceilings.tier)
      ceilings.dot_gflop_per_s = ceiling_dot(workshop->team, kernels->tier, CEILING_ROUNDS);
    take_rates(&stand.bench, &ceilings, result);
  }
  close_stand(&stand);
  return opened;
}
