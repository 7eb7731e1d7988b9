// SPDX-License-Identifier: Apache-2.0
#include "bench/process_usage.h"
#include "base/clock.h"
#include "base/file.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { PROC_LIMIT = 4 << 20 };
static const int64_t shortest_load = 200000000; // 20 steps of /proc/stat: less says nothing

static bool read_proc(const char *root, const char *name, Text *text) {
  char path[512];
  Error ignored;
  snprintf(path, sizeof path, "%s%s", root, name);
  return file_read(path, PROC_LIMIT, text, &ignored);
}

// The number after `key` at the start of a line; -1: no such line.
static int64_t number_after(const char *text, const char *key) {
  size_t length = strlen(key);
  for (const char *line = text; line; line = strchr(line, '\n')) {
    if (*line == '\n') line++;
    if (strncmp(line, key, length) == 0) return strtoll(line + length, NULL, 10);
  }
  return -1;
}

static int64_t number_in(const char *root, const char *name, const char *key) {
  Text text = {0};
  int64_t number = read_proc(root, name, &text) ? number_after(text_span(&text).data, key) : -1;
  text_free(&text);
  return number;
}

// "cpu user nice system idle iowait irq softirq steal …" in ticks: all but idle, iowait and steal.
static int64_t busy_ns(const char *root) {
  Text text = {0};
  long long user, nice, system, idle, wait, irq, softirq;
  int64_t busy = -1;
  if (read_proc(root, "/proc/stat", &text) &&
      sscanf(text_span(&text).data, "cpu %lld %lld %lld %lld %lld %lld %lld", &user, &nice, &system,
             &idle, &wait, &irq, &softirq) == 7)
    busy = (user + nice + system + irq + softirq) * (1000000000 / sysconf(_SC_CLK_TCK));
  text_free(&text);
  return busy;
}

static int64_t nanoseconds(struct timeval time) {
  return (int64_t)time.tv_sec * 1000000000 + (int64_t)time.tv_usec * 1000;
}

ProcessUsage process_usage_now(const char *root) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (ProcessUsage){
      .time_ns = clock_now(),
      .cpu_ns = nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime),
      .minor_faults = usage.ru_minflt,
      .major_faults = usage.ru_majflt,
      .voluntary_switches = usage.ru_nvcsw,
      .involuntary_switches = usage.ru_nivcsw,
      .machine_busy_ns = busy_ns(root),
      .out_of_memory_kills = number_in(root, "/proc/vmstat", "oom_kill "),
  };
}

static int64_t difference(int64_t before, int64_t after) {
  return before < 0 || after < before ? -1 : after - before;
}

ProcessUsage process_usage_between(const ProcessUsage *before, const ProcessUsage *after) {
  return (ProcessUsage){
      .time_ns = after->time_ns - before->time_ns,
      .cpu_ns = difference(before->cpu_ns, after->cpu_ns),
      .minor_faults = difference(before->minor_faults, after->minor_faults),
      .major_faults = difference(before->major_faults, after->major_faults),
      .voluntary_switches = difference(before->voluntary_switches, after->voluntary_switches),
      .involuntary_switches = difference(before->involuntary_switches, after->involuntary_switches),
      .machine_busy_ns = difference(before->machine_busy_ns, after->machine_busy_ns),
      .out_of_memory_kills = difference(before->out_of_memory_kills, after->out_of_memory_kills),
  };
}

double process_usage_other_load(const ProcessUsage *usage) {
  if (usage->machine_busy_ns < 0 || usage->cpu_ns < 0 || usage->time_ns < shortest_load) return NAN;
  int64_t others = usage->machine_busy_ns - usage->cpu_ns;
  return others > 0 ? (double)others / (double)usage->time_ns : 0;
}

static void set_count(json_t *object, const char *key, int64_t count) {
  json_object_set_new(object, key, count < 0 ? json_null() : json_integer(count));
}

json_t *process_usage_json(const ProcessUsage *usage) {
  json_t *object = json_object();
  double load = process_usage_other_load(usage);
  set_count(object, "wall_ns", usage->time_ns);
  set_count(object, "cpu_ns", usage->cpu_ns);
  set_count(object, "minor_page_faults", usage->minor_faults);
  set_count(object, "major_page_faults", usage->major_faults);
  set_count(object, "voluntary_context_switches", usage->voluntary_switches);
  set_count(object, "involuntary_context_switches", usage->involuntary_switches);
  json_object_set_new(object, "other_load_cores", isnan(load) ? json_null() : json_real(load));
  return object;
}

int64_t process_peak_bytes(const char *root) {
  int64_t kilobytes = number_in(root, "/proc/self/status", "VmHWM:");
  return kilobytes < 0 ? -1 : kilobytes * 1024;
}
