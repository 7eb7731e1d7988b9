// SPDX-License-Identifier: Apache-2.0
// What is read from the system and from a repository, against recorded files.
#include "base/file.h"
#include "bench/process_usage.h"
#include "bench/repository.h"
#include "bench/trust.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

// A folder of files that is removed again.
typedef struct {
  char path[64];
} Folder;

static void folder_open(Folder *folder) {
  snprintf(folder->path, sizeof folder->path, "/tmp/test_facts.XXXXXX");
  assert_non_null(mkdtemp(folder->path));
}

static void folder_close(Folder *folder) {
  char command[96];
  snprintf(command, sizeof command, "rm -rf '%s'", folder->path);
  assert_int_equal(system(command), 0);
}

static void put(const Folder *folder, const char *name, const char *content) {
  Error error;
  char path[256];
  snprintf(path, sizeof path, "%s/%s", folder->path, name);
  *strrchr(path, '/') = '\0';
  assert_true(folder_make(path, &error));
  path[strlen(path)] = '/';
  assert_true(file_write_atomically(path, content, strlen(content), &error));
}

static void usage_is_what_the_system_wrote(void **state) {
  (void)state;
  Folder root;
  folder_open(&root);
  put(&root, "proc/stat", "cpu  10 20 30 999 7 4 6 0 0 0\ncpu0 1 2 3 4\n");
  put(&root, "proc/vmstat", "nr_free_pages 5\noom_kill 3\npgfault 9\n");
  put(&root, "proc/self/status", "Name:\tx\nVmPeak:\t  900 kB\nVmHWM:\t  512 kB\n");
  ProcessUsage usage = process_usage_now(root.path);
  assert_int_equal(usage.machine_busy_ns, 70 * (1000000000 / sysconf(_SC_CLK_TCK)));
  assert_int_equal(usage.out_of_memory_kills, 3);
  assert_int_equal(process_peak_bytes(root.path), 512 * 1024);
  folder_close(&root);
}

static void what_is_missing_stays_missing(void **state) {
  (void)state;
  ProcessUsage usage = process_usage_now("/no/such/root");
  assert_int_equal(usage.machine_busy_ns, -1);
  assert_int_equal(usage.out_of_memory_kills, -1);
  assert_int_equal(process_peak_bytes("/no/such/root"), -1);
  ProcessUsage difference = process_usage_between(&usage, &usage);
  assert_true(isnan(process_usage_other_load(&difference)));
  json_t *json = process_usage_json(&difference);
  assert_true(json_is_null(json_object_get(json, "other_load_cores")));
  json_decref(json);
}

static void other_load_is_what_is_not_ours(void **state) {
  (void)state;
  const ProcessUsage before = {.time_ns = 0, .cpu_ns = 100000000, .machine_busy_ns = 1000000000};
  ProcessUsage after = {.time_ns = 1000000000, .cpu_ns = 600000000, .machine_busy_ns = 2250000000};
  ProcessUsage difference = process_usage_between(&before, &after);
  assert_true(fabs(process_usage_other_load(&difference) - 0.75) < 1e-12);
  after.time_ns = 100000000; // too short for the clock ticks of /proc/stat
  difference = process_usage_between(&before, &after);
  assert_true(isnan(process_usage_other_load(&difference)));
}

static const char commit[] = "0123456789abcdef0123456789abcdef01234567";

static void a_repository_is_read_from_its_files(void **state) {
  (void)state;
  Folder folder;
  char below[96];
  folder_open(&folder);
  put(&folder, ".git/HEAD", "ref: refs/heads/feature/x\n");
  put(&folder, ".git/refs/heads/feature/x", "0123456789abcdef0123456789abcdef01234567\n");
  put(&folder, "deep/er/file", "");
  snprintf(below, sizeof below, "%s/deep/er", folder.path);
  Repository repository = repository_read(below);
  assert_string_equal(repository.branch, "feature/x");
  assert_string_equal(repository.commit, commit);
  put(&folder, ".git/HEAD", "0123456789abcdef0123456789abcdef01234567\n");
  repository = repository_read(folder.path);
  assert_string_equal(repository.branch, "");
  assert_string_equal(repository.commit, commit);
  folder_close(&folder);
}

static void a_packed_reference_is_found(void **state) {
  (void)state;
  Folder folder;
  folder_open(&folder);
  put(&folder, ".git/HEAD", "ref: refs/heads/main\n");
  put(&folder, ".git/packed-refs",
      "# pack-refs with: peeled\nffffffffffffffffffffffffffffffffffffffff refs/heads/mainly\n"
      "0123456789abcdef0123456789abcdef01234567 refs/heads/main\n^abc\n");
  Repository repository = repository_read(folder.path);
  assert_string_equal(repository.branch, "main");
  assert_string_equal(repository.commit, commit);
  folder_close(&folder);
}

static void no_repository_is_no_facts(void **state) {
  (void)state;
  Folder folder;
  folder_open(&folder);
  put(&folder, ".git/HEAD", "ref: ../../../etc/passwd\n");
  Repository repository = repository_read(folder.path);
  assert_string_equal(repository.commit, "");
  assert_int_equal(repository.dirty, -1);
  repository = repository_read("/proc");
  assert_string_equal(repository.branch, "");
  assert_int_equal(repository.dirty, -1);
  folder_close(&folder);
}

static void model_files_are_hashed(void **state) {
  (void)state;
  Folder folder;
  Error error;
  const Repository repository = {.dirty = 1};
  folder_open(&folder);
  put(&folder, "model.safetensors", "abc");
  put(&folder, "config.json", "{}");
  put(&folder, "README.md", "not part of it");
  json_t *trust = trust_of_run(folder.path, &repository, &error);
  const json_t *files = json_object_get(trust, "model_files");
  assert_int_equal(json_array_size(files), 2);
  const json_t *model = json_array_get(files, 1);
  assert_string_equal(json_string_value(json_object_get(model, "sha256")),
                      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  assert_int_equal(json_integer_value(json_object_get(model, "bytes")), 3);
  assert_true(json_is_true(json_object_get(trust, "dirty")));
  assert_true(json_is_null(json_object_get(trust, "commit")));
  json_decref(trust);
  folder_close(&folder);
}

static void throttling_is_null_where_it_cannot_be_known(void **state) {
  (void)state;
  const Sample sample = sample_describe((double[]){1, 2, 3}, 3, 1);
  json_t *run = json_object(), *unknown = json_pack("{s:n}", "throttle_count");
  json_t *low = json_pack("{s:i}", "throttle_count", 4);
  json_t *high = json_pack("{s:i}", "throttle_count", 5);
  const json_t *const pairs[][2] = {{unknown, unknown}, {low, low}, {low, high}};
  for (size_t i = 0; i < COUNT_OF(pairs); i++) {
    json_t *report = trust_report(run, pairs[i][0], pairs[i][1], run, NULL, &sample);
    const json_t *flag = json_object_get(report, "throttled");
    assert_true(i == 0 ? json_is_null(flag) : i == 1 ? json_is_false(flag) : json_is_true(flag));
    assert_int_equal(json_integer_value(json_object_get(report, "samples")), 3);
    json_decref(report);
  }
  json_decref(run);
  json_decref(unknown);
  json_decref(low);
  json_decref(high);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(usage_is_what_the_system_wrote),
      cmocka_unit_test(what_is_missing_stays_missing),
      cmocka_unit_test(other_load_is_what_is_not_ours),
      cmocka_unit_test(a_repository_is_read_from_its_files),
      cmocka_unit_test(a_packed_reference_is_found),
      cmocka_unit_test(no_repository_is_no_facts),
      cmocka_unit_test(model_files_are_hashed),
      cmocka_unit_test(throttling_is_null_where_it_cannot_be_known),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
