// SPDX-License-Identifier: Apache-2.0
// Memory that no cache holds: reading it leaves the caches without anything else, and is the
// measure of the read bandwidth.
#pragma once
#include "base/memory.h"
#include "device/cpu.h"
#include "device/team.h"

typedef struct {
  Region memory;
  Team *team;
  CpuTier tier;
} Flush;

int64_t flush_bytes(void); // of the buffer on this machine
CHECKED bool flush_open(Team *team, CpuTier tier, Flush *flush, Error *error);
void flush_close(Flush *flush); // a zero one is fine
// Empties the caches of every core of the team.
void flush_run(void *flush);
// GB/s of reading `bytes` of it again and again, at most all; those that caches hold come from
// there.
double flush_read(const Flush *flush, int64_t bytes, int rounds);
