// SPDX-License-Identifier: Apache-2.0
#include "device/host_document.h"

static json_t *text_or_null(const char *text) {
  return text && text[0] ? json_string(text) : json_null();
}

static json_t *integer_or_null(int64_t value, bool available) {
  return available ? json_integer(value) : json_null();
}

static json_t *real_or_null(double value, bool available) {
  return available ? json_real(value) : json_null();
}

static json_t *caches(const Host *host) {
  json_t *list = json_array();
  for (int i = 0; i < host->cache_count; i++) {
    const HostCache *cache = &host->caches[i];
    json_t *row = json_object();
    json_object_set_new(row, "level", json_integer(cache->level));
    json_object_set_new(row, "kind", text_or_null(cache->kind));
    json_object_set_new(row, "bytes", integer_or_null(cache->bytes, cache->bytes > 0));
    json_object_set_new(row, "shared_by", integer_or_null(cache->shared_by, cache->shared_by > 0));
    json_array_append_new(list, row);
  }
  return list;
}

static void set_processor(json_t *out, const Host *host) {
  json_object_set_new(out, "architecture", text_or_null(host->architecture));
  json_object_set_new(out, "processor", text_or_null(host->processor));
  json_object_set_new(out, "vendor", text_or_null(host->vendor));
  Text notable = {0};
  host_notable_flags(host, &notable);
  json_object_set_new(out, "flags", text_or_null(notable.data));
  text_free(&notable);
  json_object_set_new(out, "cores_online",
                      integer_or_null(host->cores_online, host->cores_online > 0));
  json_object_set_new(out, "cores_allowed",
                      integer_or_null(host->cores_allowed, host->cores_allowed > 0));
  json_object_set_new(out, "threads_per_core",
                      integer_or_null(host->threads_per_core, host->threads_per_core > 0));
  json_object_set_new(out, "numa_nodes", integer_or_null(host->numa_nodes, host->numa_nodes > 0));
  json_object_set_new(out, "cgroup_cores",
                      real_or_null(host->cgroup_cores, host->cgroup_cores > 0));
  json_object_set_new(out, "caches", caches(host));
}

static void set_memory(json_t *out, const Host *host) {
  json_object_set_new(out, "memory_bytes",
                      integer_or_null(host->memory_bytes, host->memory_bytes > 0));
  json_object_set_new(out, "memory_available",
                      integer_or_null(host->memory_available, host->memory_available > 0));
  json_object_set_new(out, "swap_bytes", integer_or_null(host->swap_bytes, host->memory_bytes > 0));
  json_object_set_new(out, "cgroup_memory_bytes",
                      integer_or_null(host->cgroup_memory_bytes, host->cgroup_memory_bytes > 0));
  json_object_set_new(out, "huge_pages", text_or_null(host->huge_pages));
}

static void set_frequency(json_t *out, const Host *host) {
  json_object_set_new(out, "frequency_mhz",
                      real_or_null(host->frequency_mhz, host->frequency_mhz > 0));
  json_object_set_new(out, "frequency_source", text_or_null(host->frequency_source));
  json_object_set_new(out, "frequency_max_mhz",
                      real_or_null(host->frequency_max_mhz, host->frequency_max_mhz > 0));
  json_object_set_new(out, "governor", text_or_null(host->governor));
  json_object_set_new(out, "turbo", host->turbo < 0 ? json_null() : json_boolean(host->turbo));
  json_object_set_new(out, "throttle_count",
                      integer_or_null(host->throttle_count, host->throttle_count >= 0));
}

json_t *host_document(const Host *host) {
  json_t *out = json_object();
  set_processor(out, host);
  set_memory(out, host);
  set_frequency(out, host);
  json_object_set_new(out, "hypervisor", text_or_null(host->hypervisor));
  json_object_set_new(out, "clock_source", text_or_null(host->clock_source));
  json_object_set_new(out, "kernel", text_or_null(host->kernel));
  json_object_set_new(out, "system", text_or_null(host->system));
  json_object_set_new(out, "load_average",
                      real_or_null(host->load_average, host->load_average >= 0));
  json_object_set_new(
      out, "perf_event_paranoid",
      integer_or_null(host->perf_event_paranoid, host->perf_event_paranoid != -100));
  return out;
}

json_t *ceilings_document(const Ceilings *ceilings) {
  json_t *dot =
      ceilings->dot_gflop_per_s > 0.0 ? json_real(ceilings->dot_gflop_per_s) : json_null();
  return json_pack("{sssisfsfsosfsf}", "tier", cpu_tier_name(ceilings->tier), "threads",
                   ceilings->threads, "fma_gflop_per_s_single", ceilings->fma_gflop_per_s_single,
                   "fma_gflop_per_s", ceilings->fma_gflop_per_s, "dot_gflop_per_s", dot,
                   "read_gb_per_s", ceilings->read_gb_per_s, "copy_gb_per_s",
                   ceilings->copy_gb_per_s);
}
