// SPDX-License-Identifier: Apache-2.0
// Facts from recorded /proc and /sys files of machines that are not this one.
#include "device/host.h"
#include "device/host_document.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static Host read_recorded(const char *name) {
  char root[512];
  Host host;
  memset(&host, 0xA5, sizeof host);
  snprintf(root, sizeof root, "%s/host/%s", TEST_FOLDER, name);
  host_read(root, &host);
  return host;
}

static void test_x86(void **state) {
  (void)state;
  Host host = read_recorded("x86");
  assert_string_equal(host.processor, "Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz");
  assert_string_equal(host.vendor, "GenuineIntel");
  assert_string_equal(host.architecture, "x86_64");
  assert_string_equal(host.kernel, "Linux 6.1.0-18-amd64");
  assert_string_equal(host.system, "Debian GNU/Linux 12 (bookworm)");
  assert_int_equal(host.cores_online, 4);
  assert_int_equal(host.cores_allowed, 3);
  assert_int_equal(host.threads_per_core, 2);
  assert_int_equal(host.numa_nodes, 1);
  assert_true(host.memory_bytes == INT64_C(16076236) * 1024);
  assert_true(host.memory_available == INT64_C(12000000) * 1024);
  assert_true(host.cgroup_memory_bytes == INT64_C(8589934592));
  assert_true(host.cgroup_cores == 1.5);
  assert_string_equal(host.hypervisor, "yes");
  assert_string_equal(host.huge_pages, "madvise");
  assert_string_equal(host.clock_source, "tsc");
  assert_true(host.load_average == 0.52);
  assert_int_equal(host.perf_event_paranoid, -1);
  host_free(&host);
}

static void test_x86_frequency(void **state) {
  (void)state;
  Host host = read_recorded("x86");
  assert_true(host.frequency_mhz == 3400.125);
  assert_string_equal(host.frequency_source, "cpufreq");
  assert_true(host.frequency_max_mhz == 3500);
  assert_string_equal(host.governor, "performance");
  assert_int_equal(host.turbo, 1);
  assert_int_equal(host.throttle_count, 3);
  host_free(&host);
}

static void test_x86_caches(void **state) {
  (void)state;
  static const HostCache expected[] = {{1, "Data", 48 << 10, 2},
                                       {1, "Instruction", 32 << 10, 2},
                                       {2, "Unified", 1280 << 10, 2},
                                       {3, "Unified", 54 << 20, 4}};
  Host host = read_recorded("x86");
  assert_int_equal(host.cache_count, 4);
  for (int i = 0; i < 4; i++) {
    assert_int_equal(host.caches[i].level, expected[i].level);
    assert_string_equal(host.caches[i].kind, expected[i].kind);
    assert_true(host.caches[i].bytes == expected[i].bytes);
    assert_int_equal(host.caches[i].shared_by, expected[i].shared_by);
  }
  host_free(&host);
}

static void test_flags(void **state) {
  (void)state;
  Host host = read_recorded("x86");
  Text notable = {0};
  host_notable_flags(&host, &notable);
  assert_string_equal(notable.data,
                      "avx512f avx512bw avx512dq avx512vl avx512_vnni avx2 fma f16c bmi2 avx");
  assert_true(host_has_flag(&host, "fma"));
  assert_false(host_has_flag(&host, "avx512"));
  assert_false(host_has_flag(&host, ""));
  text_free(&notable);
  host_free(&host);
}

static void test_arm64(void **state) {
  (void)state;
  Host host = read_recorded("arm64");
  assert_string_equal(host.processor, "Arm Neoverse-N1");
  assert_string_equal(host.architecture, "aarch64");
  assert_string_equal(host.hypervisor, "xen");
  assert_int_equal(host.cores_allowed, 2);
  assert_true(host_has_flag(&host, "asimddp"));
  assert_true(host.frequency_mhz == 0);
  assert_string_equal(host.governor, "");
  assert_int_equal(host.turbo, -1);
  assert_true(host.throttle_count == -1);
  assert_true(host.load_average == -1);
  host_free(&host);
}

// Nonsense and absence are "not available", never a number that looks like a fact.
static void test_hostile(void **state) {
  (void)state;
  Host host = read_recorded("hostile");
  assert_string_equal(host.processor, "");
  assert_true(host.memory_bytes == 0);
  assert_true(host.memory_available == 0);
  assert_int_equal(host.cores_online, 0);
  assert_int_equal(host.cores_allowed, 0);
  assert_int_equal(host.cache_count, HOST_MAX_CACHES);
  assert_true(host.caches[0].bytes == 0);
  assert_true(host.frequency_mhz == 0);
  assert_string_equal(host.huge_pages, "");
  host_free(&host);
}

static void test_nothing_there(void **state) {
  (void)state;
  Host host = read_recorded("no-such-folder");
  json_t *document = host_document(&host);
  const char *key;
  json_t *value;
  json_object_foreach(document, key, value) {
    if (strcmp(key, "caches") == 0) continue;
    if (!json_is_null(value)) fail_msg("%s is not null", key);
  }
  assert_int_equal(json_array_size(json_object_get(document, "caches")), 0);
  json_decref(document);
  host_free(&host);
}

static void test_document(void **state) {
  (void)state;
  Host host = read_recorded("x86");
  json_t *document = host_document(&host);
  assert_int_equal(json_integer_value(json_object_get(document, "cores_allowed")), 3);
  assert_true(json_real_value(json_object_get(document, "frequency_mhz")) == 3400.125);
  assert_true(json_is_true(json_object_get(document, "turbo")));
  assert_int_equal(json_array_size(json_object_get(document, "caches")), 4);
  json_decref(document);
  host_free(&host);
}

static void test_this_machine(void **state) {
  (void)state;
  Host host;
  host_read("", &host);
  assert_true(host.memory_bytes > 0);
  assert_true(host.cores_allowed > 0);
  assert_true(host.architecture[0]);
  host_free(&host);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_x86),           cmocka_unit_test(test_x86_frequency),
      cmocka_unit_test(test_x86_caches),    cmocka_unit_test(test_flags),
      cmocka_unit_test(test_arm64),         cmocka_unit_test(test_hostile),
      cmocka_unit_test(test_nothing_there), cmocka_unit_test(test_document),
      cmocka_unit_test(test_this_machine),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
