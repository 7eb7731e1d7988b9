// SPDX-License-Identifier: Apache-2.0
// Records of what was fastest: kept and found again; what is wrong, or somebody else's, is not.
#include "base/memory.h"
#include "compile/tuning_store.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

typedef struct {
  char folder[64], path[160], key[SHA256_HEX_SIZE];
  CodeCache *cache;
} Bench;

static const TuningRecord record = {
    .label = "flex causal",
    .created = "2026-11-30T00:00:00Z",
    .tuning_ns = 5,
    .winner = 1,
    .count = 2,
    .candidates = {{"rows 0", 2000, 9, 1, 0.9, 1.1}, {"rows 96", 1500, 8, 0.75, 0.7, 0.8}}};

static int set_up(void **state) {
  Error error;
  Bench *bench = memory_allocate(sizeof *bench);
  snprintf(bench->folder, sizeof bench->folder, "/tmp/attometer-tuning-XXXXXX");
  assert_non_null(mkdtemp(bench->folder));
  bench->cache = code_cache_open(bench->folder, 1 << 20);
  assert_null(code_cache_problem(bench->cache));
  assert_true(tuning_store_key("question", bench->key, &error));
  snprintf(bench->path, sizeof bench->path, "%s/%s.tuned", bench->folder, bench->key);
  *state = bench;
  return 0;
}

static int tear_down(void **state) {
  Bench *bench = *state;
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", bench->folder);
  code_cache_close(bench->cache);
  memory_free(bench);
  return system(command);
}

static void kept_and_found(void **state) {
  Bench *bench = *state;
  Error error;
  TuningRecord found;
  char other[SHA256_HEX_SIZE];
  assert_false(tuning_store_find(bench->cache, bench->key, &found));
  assert_true(tuning_store_put(bench->cache, bench->key, &record));
  assert_true(tuning_store_find(bench->cache, bench->key, &found));
  assert_int_equal(found.count, 2);
  assert_int_equal(found.winner, 1);
  assert_string_equal(found.candidates[1].name, "rows 96");
  assert_true(found.candidates[1].ratio == 0.75 && found.candidates[1].median_ns == 1500);
  assert_true(tuning_store_key("another", other, &error));
  assert_string_not_equal(other, bench->key);
  assert_false(tuning_store_find(bench->cache, other, &found));
  assert_true(code_cache_clear(bench->cache, &error) >= 0); // goes with the code
  assert_false(tuning_store_find(bench->cache, bench->key, &found));
}

static void write_text(const Bench *bench, const char *text) {
  FILE *file = fopen(bench->path, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
  chmod(bench->path, 0600);
}

static void wrong_records_are_none(void **state) {
  Bench *bench = *state;
  TuningRecord found;
  static const char candidate[] = "{\"name\": \"a\", \"median_ns\": 1, \"count\": 3, \"ratio\": 1, "
                                  "\"low\": 1, \"high\": 1}";
  static const char *const wrong[] = {
      "",
      "{",
      "[]",
      "{\"label\": \"x\"}",
      "{\"label\": \"x\", \"processor\": \"\", \"created\": \"\", \"tuning_ns\": 1, "
      "\"winner\": \"a\", \"candidates\": []}",
      "{\"label\": \"x\", \"processor\": \"\", \"created\": \"\", \"tuning_ns\": -1, "
      "\"winner\": \"a\", \"candidates\": [%s]}",
      "{\"label\": \"x\", \"processor\": \"\", \"created\": \"\", \"tuning_ns\": 1, "
      "\"winner\": \"b\", \"candidates\": [%s]}",
      "{\"label\": 5, \"processor\": \"\", \"created\": \"\", \"tuning_ns\": 1, "
      "\"winner\": \"a\", \"candidates\": [%s]}",
      "{\"label\": \"x\", \"processor\": \"\", \"created\": \"\", \"tuning_ns\": 1, "
      "\"winner\": \"a\", \"candidates\": [7]}"};
  for (size_t i = 0; i < COUNT_OF(wrong); i++) {
    char text[600];
    const char *place = strstr(wrong[i], "%s");
    snprintf(text, sizeof text, "%.*s%s%s", place ? (int)(place - wrong[i]) : 599, wrong[i],
             place ? candidate : "", place ? place + 2 : "");
    write_text(bench, text);
    if (tuning_store_find(bench->cache, bench->key, &found)) fail_msg("taken: %s", text);
  }
  assert_true(tuning_store_put(bench->cache, bench->key, &record)); // over what was wrong
  assert_true(tuning_store_find(bench->cache, bench->key, &found));
  assert_int_equal(chmod(bench->path, 0666), 0); // somebody else could have written it
  assert_false(tuning_store_find(bench->cache, bench->key, &found));
}

static void a_cache_that_cannot_be_used_keeps_nothing(void **state) {
  Bench *bench = *state;
  TuningRecord found;
  assert_int_equal(chmod(bench->folder, 0777), 0);
  CodeCache *cache = code_cache_open(bench->folder, 1 << 20);
  assert_non_null(code_cache_problem(cache));
  assert_false(tuning_store_put(cache, bench->key, &record));
  assert_false(tuning_store_find(cache, bench->key, &found));
  code_cache_close(cache);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {TEST(kept_and_found), TEST(wrong_records_are_none),
                                     TEST(a_cache_that_cannot_be_used_keeps_nothing)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
