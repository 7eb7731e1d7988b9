// SPDX-License-Identifier: Apache-2.0
// What disturbs a measurement, counted by the system: page faults, context switches, time on the
// processor, and the load of everything else on the machine.
#pragma once
#include "base/document.h"

// Counters now, or their difference between two moments. -1: not available.
typedef struct {
  int64_t time_ns; // of the clock
  int64_t cpu_ns;  // of this process, user and system
  int64_t minor_faults, major_faults;
  int64_t voluntary_switches, involuntary_switches;
  int64_t machine_busy_ns;     // of all cores together, from /proc/stat; 10 ms steps
  int64_t out_of_memory_kills; // of the system, from /proc/vmstat
} ProcessUsage;

ProcessUsage process_usage_now(const char *root); // root of /proc: "" for the real one
ProcessUsage process_usage_between(const ProcessUsage *before, const ProcessUsage *after);
// Cores that other processes kept busy during a difference; NaN when not available, or when the
// difference is too short (0.2 s) for the steps of /proc/stat.
double process_usage_other_load(const ProcessUsage *difference);
json_t *process_usage_json(const ProcessUsage *difference); // new reference
// VmHWM: the largest resident size this process had, in bytes; -1 when not available.
int64_t process_peak_bytes(const char *root);
