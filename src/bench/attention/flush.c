// SPDX-License-Identifier: Apache-2.0
#include "bench/attention/flush.h"
#include "device/ceiling.h"
#include "device/host.h"
#include <string.h>

enum { LEAST_BYTES = 128 << 20, MOST_BYTES = 512 << 20 };

// Four times what the largest caches hold together: of twice that some would still be in them.
int64_t flush_bytes(void) {
  Host host;
  host_read("", &host);
  int64_t largest = 0, memory = host.memory_bytes;
  for (int i = 0; i < host.cache_count; i++) {
    const HostCache *cache = &host.caches[i];
    int64_t all = cache->bytes * (cache->shared_by > 0 ? host.cores_online / cache->shared_by : 1);
    if (all < cache->bytes) all = cache->bytes;
    if (all > largest) largest = all;
  }
  host_free(&host);
  int64_t bytes = 4 * largest;
  if (bytes > MOST_BYTES) bytes = MOST_BYTES;
  if (memory > 0 && bytes > memory / 16) bytes = memory / 16;
  return bytes < LEAST_BYTES ? LEAST_BYTES : bytes;
}

// Every page gets bytes of its own: one zero page read over and over would stay in a cache.
static void touch_task(void *context, int thread, int threads) {
  Flush *flush = context;
  int64_t begin, end;
  team_share((int64_t)flush->memory.size, REGION_HUGE_PAGE, thread, threads, &begin, &end);
  memset((char *)flush->memory.data + begin, thread + 1, (size_t)(end - begin));
}

bool flush_open(Team *team, CpuTier tier, Flush *flush, Error *error) {
  *flush = (Flush){.team = team, .tier = tier};
  if (!region_map(&flush->memory, (size_t)flush_bytes(), error)) return false;
  team_run(team, touch_task, flush);
  return true;
}

void flush_close(Flush *flush) {
  region_unmap(&flush->memory);
}

void flush_run(void *context) {
  Flush *flush = context;
  ceiling_read(flush->team, flush->tier, flush->memory.data, (int64_t)flush->memory.size, 1);
}

double flush_read(const Flush *flush, int64_t bytes, int rounds) {
  enum { LEAST_READ = 1 << 16 };
  int64_t most = (int64_t)flush->memory.size;
  if (bytes > most) bytes = most;
  if (bytes < LEAST_READ) bytes = LEAST_READ;
  return ceiling_read(flush->team, flush->tier, flush->memory.data, bytes, rounds);
}
