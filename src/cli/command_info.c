// SPDX-License-Identifier: Apache-2.0
#include "cli/command_info.h"
#include "base/wrap.h"
#include "cli/arguments.h"
#include "cli/libraries.h"
#include "cli/output.h"
#include "device/backend.h"
#include "device/ceiling.h"
#include "device/host_document.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const Option rows[] = {
    {.flag = "--measure",
     .kind = OPTION_SWITCH,
     .help = "also measure the ceilings: multiply-adds on one and all threads, memory read and "
             "copy; under 3 s"},
    {.flag = "--output-format",
     .kind = OPTION_CHOICE,
     .choices = "table|json",
     .standard = "table",
     .help = "how to print"},
};
static const OptionTable options = OPTION_TABLE("Output", rows);

enum { COLUMNS = 80, INDENT = 14 }; // of what is printed; where the values stand

// What is told, gathered before anything is printed.
typedef struct {
  Host host;
  Backend backends[BACKEND_COUNT];
  bool measured;
  Ceilings ceilings;
} Facts;

static bool measure(Facts *facts, Error *error) {
  Team *team = team_open(0, false, error);
  if (!team) return false;
  facts->measured = ceilings_measure(team, cpu_best_tier(), &facts->ceilings, error);
  team_close(team);
  return facts->measured;
}

static void line(const char *name, const char *format, ...) PRINTF_LIKE(2, 3);

static void line(const char *name, const char *format, ...) {
  Text words = {0}, lines = {0};
  va_list arguments;
  text_append_format(&words, "%-*s", INDENT, name);
  size_t before = words.size;
  va_start(arguments, format);
  text_append_arguments(&words, format, arguments);
  va_end(arguments);
  if (words.size == before) text_append_text(&words, "not available");
  wrap_append(&lines, words.data, COLUMNS, INDENT);
  output_write(lines.data, lines.size);
  text_free(&words);
  text_free(&lines);
}

static void print_cores(const Host *host) {
  Text text = {0};
  text_append_format(&text, "%d allowed of %d online", host->cores_allowed, host->cores_online);
  if (host->threads_per_core) {
    text_append_format(&text, ", %d thread%s per core", host->threads_per_core,
                       host->threads_per_core > 1 ? "s" : "");
  }
  if (host->numa_nodes > 1) text_append_format(&text, ", %d NUMA nodes", host->numa_nodes);
  if (host->cgroup_cores > 0) {
    text_append_format(&text, ", control group grants %g", host->cgroup_cores);
  }
  line("cores", "%s", text.data);
  text_free(&text);
}

static void append_bytes(Text *text, int64_t bytes) {
  if (bytes < INT64_C(1) << 20) {
    text_append_format(text, "%" PRId64 " KiB", bytes >> 10);
  } else if (bytes < INT64_C(1) << 30) {
    text_append_format(text, "%.4g MiB", (double)bytes / (1 << 20));
  } else {
    text_append_format(text, "%.1f GiB", (double)bytes / (1 << 30));
  }
}

static void print_caches(const Host *host) {
  Text text = {0};
  for (int i = 0; i < host->cache_count; i++) {
    const HostCache *cache = &host->caches[i];
    if (strcmp(cache->kind, "Instruction") == 0) continue;
    text_append_format(&text, "%sL%d ", text.size ? ", " : "", cache->level);
    append_bytes(&text, cache->bytes);
    if (cache->shared_by > 1) text_append_format(&text, " shared by %d", cache->shared_by);
  }
  line("caches", "%s", text.size ? text.data : "");
  text_free(&text);
}

static void print_memory(const Host *host) {
  Text text = {0};
  if (host->memory_bytes) {
    append_bytes(&text, host->memory_bytes);
    text_append_text(&text, ", available now ");
    append_bytes(&text, host->memory_available);
  }
  if (host->cgroup_memory_bytes) {
    text_append_text(&text, ", control group grants ");
    append_bytes(&text, host->cgroup_memory_bytes);
  }
  line("memory", "%s", text.size ? text.data : "");
  line("huge pages", "%s", host->huge_pages);
  text_free(&text);
}

static void print_frequency(const Host *host) {
  if (host->frequency_mhz > 0) {
    line("frequency", "%.0f MHz (%s)", host->frequency_mhz, host->frequency_source);
  } else {
    line("frequency", "%s", "");
  }
  line("governor", "%s", host->governor);
}

static void print_host(const Host *host) {
  Text flags = {0};
  host_notable_flags(host, &flags);
  line("processor", "%s", host->processor);
  line("architecture", "%s", host->architecture);
  line("flags", "%s", flags.size ? flags.data : "");
  line("tier", "%s", cpu_tier_name(cpu_chosen_tier(NULL)));
  print_cores(host);
  print_caches(host);
  print_memory(host);
  print_frequency(host);
  if (host->hypervisor[0]) line("hypervisor", "%s", host->hypervisor);
  line("kernel", "%s", host->kernel);
  line("system", "%s", host->system);
  text_free(&flags);
}

static const char *backend_state(const Backend *backend) {
  return !backend->found ? "no" : backend->used ? "yes" : "found, not used by this build";
}

static void print_table(const Facts *facts) {
  line("attometer", "%s", ATTOMETER_VERSION);
  print_host(&facts->host);
  for (size_t i = 0; i < libraries_count; i++) {
    line(libraries[i].name, "%s", libraries[i].version());
  }
  for (int i = 0; i < BACKEND_COUNT; i++) {
    const Backend *backend = &facts->backends[i];
    line(backend->name, "%s: %s", backend_state(backend), backend->detail.data);
  }
  if (!facts->measured) return;
  const Ceilings *ceilings = &facts->ceilings;
  line("FMA float32", "%.1f GFLOP/s on one thread, %.1f on %d (%s)",
       ceilings->fma_gflop_per_s_single, ceilings->fma_gflop_per_s, ceilings->threads,
       cpu_tier_name(ceilings->tier));
  if (ceilings->dot_gflop_per_s > 0.0)
    line("dot bfloat16", "%.1f GFLOP/s on %d threads", ceilings->dot_gflop_per_s,
         ceilings->threads);
  line("memory read", "%.1f GB/s on %d threads", ceilings->read_gb_per_s, ceilings->threads);
  line("memory copy", "%.1f GB/s on %d threads", ceilings->copy_gb_per_s, ceilings->threads);
}

static json_t *libraries_document(void) {
  json_t *out = json_object();
  for (size_t i = 0; i < libraries_count; i++) {
    json_object_set_new(out, libraries[i].name, json_string(libraries[i].version()));
  }
  return out;
}

static json_t *backends_document(const Facts *facts) {
  json_t *out = json_object();
  for (int i = 0; i < BACKEND_COUNT; i++) {
    const Backend *backend = &facts->backends[i];
    json_object_set_new(out, backend->name,
                        json_pack("{sbsbss}", "found", backend->found, "used", backend->used,
                                  "detail", backend->detail.data));
  }
  return out;
}

static void print_json(const Facts *facts) {
  json_t *out = json_pack("{ss}", "attometer", ATTOMETER_VERSION);
  json_object_set_new(out, "tier", json_string(cpu_tier_name(cpu_chosen_tier(NULL))));
  json_object_set_new(out, "host", host_document(&facts->host));
  json_object_set_new(out, "libraries", libraries_document());
  json_object_set_new(out, "backends", backends_document(facts));
  json_object_set_new(out, "ceilings",
                      facts->measured ? ceilings_document(&facts->ceilings) : json_null());
  char *text = json_dumps(out, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
  output_format("%s\n", text);
  free(text);
  json_decref(out);
}

static bool run(const Arguments *arguments, Error *error) {
  Facts facts = {0};
  if (arguments_switch(arguments, "--measure") && !measure(&facts, error)) return false;
  host_read("", &facts.host);
  backends_find(facts.backends);
  if (strcmp(arguments_text(arguments, "--output-format"), "json") == 0) {
    print_json(&facts);
  } else {
    print_table(&facts);
  }
  backends_free(facts.backends);
  host_free(&facts.host);
  return true;
}

const Command command_info = {
    .name = "info",
    .summary = "tell about this machine, the libraries and the back ends",
    .description =
        "Prints what a result must be read with: processor, instruction-set flags that matter, "
        "cores this process may use, caches, memory, frequency and governor, versions of the "
        "libraries, and which back ends were found or why not. What cannot be read is \"not "
        "available\".",
    .examples = "attometer info\nattometer info --measure --output-format json",
    .tables = {&options},
    .run = run,
};
