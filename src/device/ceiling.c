// SPDX-License-Identifier: Apache-2.0
#include "device/ceiling.h"
#include "base/clock.h"
#include "base/memory.h"
#include "device/ceiling_loops.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAXIMUM_ROUNDS = 31, BLOCK = 4096 };

static const CeilingLoops *loops_of(CpuTier tier) {
#if defined(__x86_64__)
  if (tier == CPU_TIER_AMX_BF16) return &ceiling_loops_amx_bf16;
  if (tier == CPU_TIER_AVX512_BF16) return &ceiling_loops_avx512_bf16;
  if (tier == CPU_TIER_AVX512) return &ceiling_loops_avx512;
  if (tier == CPU_TIER_AVX2) return &ceiling_loops_avx2;
#endif
  (void)tier;
  return &ceiling_loops_reference;
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

typedef struct {
  const CeilingProduct *product;
  uint64_t (*read)(const void *data, int64_t bytes);
  const char *source;
  char *target; // copy only
  int64_t bytes, rounds;
  _Atomic uint64_t sink; // keeps the results alive
} Job;

static void product_task(void *context, int thread, int threads) {
  Job *job = context;
  (void)thread, (void)threads;
  job->sink += (uint64_t)job->product->run(job->rounds);
}

static void read_task(void *context, int thread, int threads) {
  Job *job = context;
  int64_t begin, end;
  team_share(job->bytes / BLOCK * BLOCK, BLOCK, thread, threads, &begin, &end);
  job->sink += job->read(job->source + begin, end - begin);
}

static void copy_task(void *context, int thread, int threads) {
  Job *job = context;
  int64_t begin, end;
  team_share(job->bytes, BLOCK, thread, threads, &begin, &end);
  memcpy(job->target + begin, job->source + begin, (size_t)(end - begin));
}

static void touch_task(void *context, int thread, int threads) {
  Job *job = context;
  int64_t begin, end;
  team_share(job->bytes, 1 << 21, thread, threads, &begin, &end);
  memset(job->target + begin, thread + 1, (size_t)(end - begin));
}

typedef struct {
  double least, median;
} Seconds;

static Seconds take_seconds(Team *team, TeamTask *task, Job *job, int rounds) {
  double seconds[MAXIMUM_ROUNDS];
  if (rounds > MAXIMUM_ROUNDS) rounds = MAXIMUM_ROUNDS;
  for (int i = 0; i < rounds; i++) {
    int64_t start = clock_now();
    if (team)
      team_run(team, task, job);
    else
      task(job, 0, 1);
    seconds[i] = clock_seconds(clock_now() - start);
  }
  qsort(seconds, (size_t)rounds, sizeof *seconds, compare);
  return (Seconds){seconds[0], seconds[rounds / 2]};
}

// As many rounds of the loop as take about a millisecond.
static int64_t calibrate(Job *job) {
  int64_t rounds = 1000, start = clock_now();
  job->sink += (uint64_t)job->product->run(rounds);
  int64_t taken = clock_now() - start + 1;
  return rounds * (int64_t)1000000 / taken + 1;
}

// team NULL: this thread alone.
static double product_rate(Team *team, const CeilingProduct *product, int rounds) {
  if (!product->run) return 0.0;
  Job job = {.product = product};
  calibrate(&job);
  job.rounds = calibrate(&job);
  int threads = team ? team_size(team) : 1;
  double flops = (double)product->flops_per_round * (double)job.rounds * threads;
  return flops * 1e-9 / take_seconds(team, product_task, &job, rounds).least;
}

double ceiling_fma(Team *team, CpuTier tier, int rounds) {
  return product_rate(team, &loops_of(tier)->fma, rounds);
}

double ceiling_dot(Team *team, CpuTier tier, int rounds) {
  return product_rate(team, &loops_of(tier)->dot, rounds);
}

double ceiling_read(Team *team, CpuTier tier, const void *buffer, int64_t bytes, int rounds) {
  Job job = {.read = loops_of(tier)->read, .source = buffer, .bytes = bytes};
  return (double)(bytes - bytes % BLOCK) * 1e-9 /
         take_seconds(team, read_task, &job, rounds).median;
}

// Far more than any cache holds, but no more than a sixteenth of the memory.
static int64_t buffer_size(void) {
  int64_t most = 256 << 20;
  int64_t memory = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
  while (most > 64 << 20 && most > memory / 16) most /= 2;
  return most;
}

bool ceilings_measure(Team *team, CpuTier tier, Ceilings *ceilings, Error *error) {
  enum { FMA_ROUNDS = 31, READ_ROUNDS = 11, COPY_ROUNDS = 7 };
  Region region;
  int64_t bytes = buffer_size();
  if (!region_map(&region, (size_t)bytes, error)) return false;
  Job job = {.source = region.data, .target = region.data, .bytes = bytes};
  team_run(team, touch_task, &job);
  *ceilings = (Ceilings){.tier = tier, .threads = team_size(team), .buffer_bytes = bytes};
  ceilings->fma_gflop_per_s_single = product_rate(NULL, &loops_of(tier)->fma, FMA_ROUNDS);
  ceilings->fma_gflop_per_s = ceiling_fma(team, tier, FMA_ROUNDS);
  ceilings->dot_gflop_per_s = ceiling_dot(team, tier, FMA_ROUNDS);
  ceilings->read_gb_per_s = ceiling_read(team, tier, region.data, bytes, READ_ROUNDS);
  job.bytes = bytes / 2;
  job.source += job.bytes;
  double copy_seconds = take_seconds(team, copy_task, &job, COPY_ROUNDS).median;
  ceilings->copy_gb_per_s = (double)job.bytes * 1e-9 / copy_seconds;
  region_unmap(&region);
  return true;
}
