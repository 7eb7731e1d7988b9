// SPDX-License-Identifier: Apache-2.0
#include "device/host.h"
#include "base/memory.h"
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

// The first record of /proc/cpuinfo is enough: the whole is slow and long on large machines.
enum { FILE_LIMIT = 16384 };

typedef struct {
  const char *root;
  char text[FILE_LIMIT + 1]; // of the file read last, without its last line end
} Reader;

static bool read_file(Reader *reader, const char *format, ...) PRINTF_LIKE(2, 3);

static bool read_file(Reader *reader, const char *format, ...) {
  char path[PATH_MAX];
  int length = snprintf(path, sizeof path, "%s", reader->root);
  reader->text[0] = '\0';
  if (length < 0 || (size_t)length >= sizeof path) return false;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(path + length, sizeof path - (size_t)length, format, arguments);
  va_end(arguments);
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return false;
  size_t size = 0;
  ssize_t more = 0;
  while (size < FILE_LIMIT && (more = read(file, reader->text + size, FILE_LIMIT - size)) > 0) {
    size += (size_t)more;
  }
  close(file);
  while (size > 0 && reader->text[size - 1] == '\n') size--;
  reader->text[size] = '\0';
  return more >= 0 && size > 0;
}

static void copy_line(char *out, size_t size, const char *text) {
  snprintf(out, size, "%.*s", (int)strcspn(text, "\n"), text);
}

// The value of the first line "key : value" or "key=value"; NULL: no such line.
static const char *value_of(const char *text, const char *key) {
  size_t size = strlen(key);
  for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
    if (strncmp(line, key, size) != 0) continue;
    const char *after = line + size + strspn(line + size, " \t");
    if (*after == ':' || *after == '=') return after + 1 + strspn(after + 1, " \t");
  }
  return NULL;
}

static void copy_value(char *out, size_t size, const char *text, const char *key) {
  const char *value = value_of(text, key);
  if (value) copy_line(out, size, value);
}

static int64_t integer_of(const char *text, int64_t missing) {
  char *end;
  int64_t value = text ? strtoll(text, &end, 10) : 0;
  return text && end != text ? value : missing;
}

static int64_t integer_in(Reader *reader, const char *path, int64_t missing) {
  return read_file(reader, "%s", path) ? integer_of(reader->text, missing) : missing;
}

// Cores in a list such as "0-3,8": counted, not more than HOST_MAX_CORES * 64.
static int count_list(const char *text) {
  int64_t count = 0;
  while (text && *text >= '0' && *text <= '9') {
    char *end;
    int64_t first = strtoll(text, &end, 10), last = first;
    if (*end == '-') last = strtoll(end + 1, &end, 10);
    if (last >= first && last - first < INT_MAX / 2) count += last - first + 1;
    text = *end == ',' ? end + 1 : NULL;
  }
  return count > HOST_MAX_CORES * 64 ? 0 : (int)count;
}

// Processors of 64-bit Arm name themselves by numbers.
static const struct {
  int implementer, part;
  const char *name;
} arm_processors[] = {
    {0x41, 0xd03, "Arm Cortex-A53"},  {0x41, 0xd05, "Arm Cortex-A55"},
    {0x41, 0xd08, "Arm Cortex-A72"},  {0x41, 0xd0b, "Arm Cortex-A76"},
    {0x41, 0xd0c, "Arm Neoverse-N1"}, {0x41, 0xd40, "Arm Neoverse-V1"},
    {0x41, 0xd49, "Arm Neoverse-N2"}, {0x41, 0xd4f, "Arm Neoverse-V2"},
    {0xc0, 0xac3, "Ampere-1"},        {0xc0, 0xac4, "Ampere-1a"},
};

static void read_arm_name(const char *text, Host *host) {
  const char *implementer = value_of(text, "CPU implementer"), *part = value_of(text, "CPU part");
  if (!implementer || !part) return;
  long maker = strtol(implementer, NULL, 16), number = strtol(part, NULL, 16);
  snprintf(host->processor, sizeof host->processor, "implementer 0x%02lx, part 0x%03lx",
           (unsigned long)maker, (unsigned long)number);
  for (size_t i = 0; i < COUNT_OF(arm_processors); i++) {
    if (arm_processors[i].implementer == maker && arm_processors[i].part == number) {
      snprintf(host->processor, sizeof host->processor, "%s", arm_processors[i].name);
    }
  }
}

static void read_processor(Reader *reader, Host *host) {
  if (!read_file(reader, "/proc/cpuinfo")) return;
  const char *text = reader->text;
  copy_value(host->processor, sizeof host->processor, text, "model name");
  copy_value(host->vendor, sizeof host->vendor, text, "vendor_id");
  if (!host->processor[0]) read_arm_name(text, host);
  const char *flags = value_of(text, "flags");
  if (!flags) flags = value_of(text, "Features");
  if (flags) {
    size_t size = strcspn(flags, "\n");
    host->flags = memory_allocate(size + 1);
    memcpy(host->flags, flags, size);
  }
  const char *frequency = value_of(text, "cpu MHz");
  if (!frequency) return;
  host->frequency_mhz = strtod(frequency, NULL);
  snprintf(host->frequency_source, sizeof host->frequency_source, "cpuinfo");
}

static void read_cores(Reader *reader, Host *host) {
  if (read_file(reader, "/sys/devices/system/cpu/online")) {
    host->cores_online = count_list(reader->text);
  }
  if (read_file(reader, "/proc/self/status")) {
    host->cores_allowed = count_list(value_of(reader->text, "Cpus_allowed_list"));
  }
  // The list of allowed cores names all that could ever be plugged in.
  if (host->cores_online && host->cores_allowed > host->cores_online) {
    host->cores_allowed = host->cores_online;
  }
  if (read_file(reader, "/sys/devices/system/cpu/cpu0/topology/thread_siblings_list")) {
    host->threads_per_core = count_list(reader->text);
  }
  if (read_file(reader, "/sys/devices/system/node/online")) {
    host->numa_nodes = count_list(reader->text);
  }
}

static int64_t size_of(const char *text) {
  char *unit;
  int64_t size = strtoll(text, &unit, 10);
  int shift = *unit == 'K' ? 10 : *unit == 'M' ? 20 : *unit == 'G' ? 30 : 0;
  return size < 0 || size > INT64_MAX >> shift ? 0 : size << shift;
}

static void read_caches(Reader *reader, Host *host) {
  static const char folder[] = "/sys/devices/system/cpu/cpu0/cache/index";
  for (int i = 0; host->cache_count < HOST_MAX_CACHES; i++) {
    HostCache cache = {0};
    if (!read_file(reader, "%s%d/level", folder, i)) return;
    cache.level = (int)integer_of(reader->text, 0);
    if (!read_file(reader, "%s%d/size", folder, i)) continue;
    cache.bytes = size_of(reader->text);
    if (read_file(reader, "%s%d/type", folder, i)) {
      copy_line(cache.kind, sizeof cache.kind, reader->text);
    }
    if (read_file(reader, "%s%d/shared_cpu_list", folder, i)) {
      cache.shared_by = count_list(reader->text);
    }
    host->caches[host->cache_count++] = cache;
  }
}

static int64_t kibibytes(const char *text, const char *key) {
  int64_t count = integer_of(value_of(text, key), 0);
  return count < 0 || count > INT64_MAX / 1024 ? 0 : count * 1024;
}

static void read_memory(Reader *reader, Host *host) {
  if (!read_file(reader, "/proc/meminfo")) return;
  host->memory_bytes = kibibytes(reader->text, "MemTotal");
  host->memory_available = kibibytes(reader->text, "MemAvailable");
  host->swap_bytes = kibibytes(reader->text, "SwapTotal");
}

// Limits of the control group, version 2; "max" is no limit.
static void read_control_group(Reader *reader, Host *host) {
  char group[512] = "";
  if (!read_file(reader, "/proc/self/cgroup")) return;
  const char *line = strstr(reader->text, "0::/");
  if (line) copy_line(group, sizeof group, line + 3);
  if (read_file(reader, "/sys/fs/cgroup%s/memory.max", group)) {
    host->cgroup_memory_bytes = integer_of(reader->text, 0);
  }
  double quota, period;
  if (read_file(reader, "/sys/fs/cgroup%s/cpu.max", group) &&
      sscanf(reader->text, "%lf %lf", &quota, &period) == 2 && period > 0) {
    host->cgroup_cores = quota / period;
  }
}

static void read_turbo(Reader *reader, Host *host) {
  host->turbo = (int)integer_in(reader, "/sys/devices/system/cpu/cpufreq/boost", -1);
  int64_t off = integer_in(reader, "/sys/devices/system/cpu/intel_pstate/no_turbo", -1);
  if (off >= 0) host->turbo = !off;
}

static void read_frequency(Reader *reader, Host *host) {
  static const char folder[] = "/sys/devices/system/cpu/cpu0/cpufreq/";
  if (read_file(reader, "%sscaling_cur_freq", folder)) {
    host->frequency_mhz = (double)integer_of(reader->text, 0) / 1e3;
    snprintf(host->frequency_source, sizeof host->frequency_source, "cpufreq");
  }
  if (read_file(reader, "%scpuinfo_max_freq", folder)) {
    host->frequency_max_mhz = (double)integer_of(reader->text, 0) / 1e3;
  }
  if (read_file(reader, "%sscaling_governor", folder)) {
    copy_line(host->governor, sizeof host->governor, reader->text);
  }
  read_turbo(reader, host);
  host->throttle_count =
      integer_in(reader, "/sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", -1);
}

static void read_hypervisor(Reader *reader, Host *host) {
  if (read_file(reader, "/sys/hypervisor/type")) {
    copy_line(host->hypervisor, sizeof host->hypervisor, reader->text);
  } else if (host_has_flag(host, "hypervisor")) {
    snprintf(host->hypervisor, sizeof host->hypervisor, "yes");
  }
}

static void read_kernel(Reader *reader, Host *host) {
  char kind[32] = "Linux";
  if (read_file(reader, "/proc/sys/kernel/ostype")) copy_line(kind, sizeof kind, reader->text);
  if (read_file(reader, "/proc/sys/kernel/osrelease")) {
    snprintf(host->kernel, sizeof host->kernel, "%s %.60s", kind, reader->text);
  }
  struct utsname name;
  if (read_file(reader, "/proc/sys/kernel/arch")) {
    copy_line(host->architecture, sizeof host->architecture, reader->text);
  } else if (!reader->root[0] && uname(&name) == 0) {
    copy_line(host->architecture, sizeof host->architecture, name.machine);
  }
}

static void read_system(Reader *reader, Host *host) {
  if (!read_file(reader, "/etc/os-release")) return;
  const char *name = value_of(reader->text, "PRETTY_NAME");
  if (!name) return;
  name += *name == '"';
  snprintf(host->system, sizeof host->system, "%.*s", (int)strcspn(name, "\"\n"), name);
}

// "always [madvise] never": the chosen one stands in brackets.
static void read_huge_pages(Reader *reader, Host *host) {
  if (!read_file(reader, "/sys/kernel/mm/transparent_hugepage/enabled")) return;
  const char *chosen = strchr(reader->text, '[');
  if (!chosen || !strchr(chosen, ']')) return;
  snprintf(host->huge_pages, sizeof host->huge_pages, "%.*s", (int)strcspn(chosen + 1, "]"),
           chosen + 1);
}

static void read_rest(Reader *reader, Host *host) {
  if (read_file(reader, "/sys/devices/system/clocksource/clocksource0/current_clocksource")) {
    copy_line(host->clock_source, sizeof host->clock_source, reader->text);
  }
  host->load_average = read_file(reader, "/proc/loadavg") ? strtod(reader->text, NULL) : -1;
  host->perf_event_paranoid = (int)integer_in(reader, "/proc/sys/kernel/perf_event_paranoid", -100);
}

void host_read(const char *root, Host *host) {
  Reader *reader = memory_allocate(sizeof *reader);
  reader->root = root;
  *host = (Host){0};
  read_processor(reader, host);
  read_cores(reader, host);
  read_caches(reader, host);
  read_memory(reader, host);
  read_control_group(reader, host);
  read_frequency(reader, host);
  read_hypervisor(reader, host);
  read_kernel(reader, host);
  read_system(reader, host);
  read_huge_pages(reader, host);
  read_rest(reader, host);
  memory_free(reader);
}

void host_free(Host *host) {
  memory_free(host->flags);
  *host = (Host){0};
}

int64_t host_memory_left(const Host *host) {
  int64_t granted = host->cgroup_memory_bytes;
  return granted > 0 && granted < host->memory_available ? granted : host->memory_available;
}

bool host_has_flag(const Host *host, const char *flag) {
  size_t size = strlen(flag);
  for (const char *at = host->flags; at && *at;) {
    at += strspn(at, " ");
    size_t length = strcspn(at, " ");
    if (length == size && memcmp(at, flag, size) == 0) return size > 0;
    at += length;
  }
  return false;
}

void host_notable_flags(const Host *host, Text *out) {
  static const char *const notable[] = {
      "amx_tile",    "amx_bf16",    "amx_int8",    "avx512f",  "avx512bw", "avx512dq", "avx512vl",
      "avx512_bf16", "avx512_fp16", "avx512_vnni", "avx_vnni", "avx2",     "fma",      "f16c",
      "bmi2",        "avx",         "sme",         "sve2",     "sve",      "svebf16",  "svei8mm",
      "bf16",        "i8mm",        "asimddp",     "asimdhp",  "asimdfhm", "asimd",
  };
  for (size_t i = 0; i < COUNT_OF(notable); i++) {
    if (!host_has_flag(host, notable[i])) continue;
    if (out->size) text_append_character(out, ' ');
    text_append_text(out, notable[i]);
  }
}
