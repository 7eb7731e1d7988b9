// SPDX-License-Identifier: Apache-2.0
// Facts about this machine, as /proc and /sys tell them: what a result must be read with. Missing
// data is missing: an empty text or a 0 means "not available", never a guess.
//
// Everything is read under a root, "" for the real one, so that tests (and other machines'
// recordings) take the same way.
#pragma once
#include "base/text.h"
#include <stdint.h>

enum { HOST_MAX_CACHES = 8, HOST_MAX_CORES = 1024 };

typedef struct {
  int level;
  char kind[16]; // "Data", "Instruction", "Unified"
  int64_t bytes; // of one
  int shared_by; // logical cores that share one
} HostCache;

typedef struct {
  char architecture[32]; // "x86_64", "aarch64"
  char processor[128];   // "AMD EPYC 7763 64-Core Processor", "Arm Neoverse-N1"
  char vendor[64];
  char *flags;          // instruction-set flags separated by spaces; owned
  int cores_online;     // logical
  int cores_allowed;    // logical, that this process may be scheduled on
  int threads_per_core; // SMT
  int numa_nodes;
  double cgroup_cores;               // cores that a control group grants; 0: no limit
  HostCache caches[HOST_MAX_CACHES]; // of core 0, nearest first
  int cache_count;
  int64_t memory_bytes;        // MemTotal
  int64_t memory_available;    // MemAvailable, now
  int64_t swap_bytes;          // SwapTotal
  int64_t cgroup_memory_bytes; // limit of the control group; 0: none
  double frequency_mhz;        // of core 0, now
  char frequency_source[32];   // "cpufreq", "cpuinfo"; cpuinfo of a virtual machine is nominal
  double frequency_max_mhz;
  char governor[32];
  int turbo;              // 1 on, 0 off, -1 not available
  int64_t throttle_count; // of core 0 since the start; -1 not available
  char hypervisor[32];    // "kvm", "xen", … or "yes" where only the flag tells; "" none known
  char huge_pages[32];    // transparent huge pages: "always", "madvise", "never"
  char clock_source[32];
  char kernel[96];         // "Linux 6.1.0-18-amd64"
  char system[96];         // "Debian GNU/Linux 12 (bookworm)"
  double load_average;     // over a minute; -1 not available
  int perf_event_paranoid; // -100 not available
} Host;

// Cannot fail: what cannot be read is not available. Takes about a millisecond.
void host_read(const char *root, Host *host);
void host_free(Host *host); // a zero Host is fine
// What processes can have now: the control group may grant less than the machine has. 0: not known.
int64_t host_memory_left(const Host *host);
bool host_has_flag(const Host *host, const char *flag);
// The flags that decide which kernels can run, of those that the machine has, best first, separated
// by spaces.
void host_notable_flags(const Host *host, Text *out);
