// SPDX-License-Identifier: Apache-2.0
#include "base/python_json.h"
#include "bench/scenario_file.h"
#include "bench/scenario_name.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

static Scenario parse_one(const char *text) {
  Scenarios scenarios = {0};
  Error error = {0};
  bool done = scenario_file_parse(text, strlen(text), false, "test.json", &scenarios, &error);
  if (!done) print_error("%s: %s\n", error.where, error.message);
  assert_true(done);
  assert_int_equal(scenarios.count, 1);
  Scenario scenario = scenarios.items[0];
  ARRAY_FREE(&scenarios);
  return scenario;
}

static void assert_refused(const char *text, const char *part) {
  Scenarios scenarios = {0};
  Error error = {0};
  assert_false(scenario_file_parse(text, strlen(text), false, "test.json", &scenarios, &error));
  char line[900];
  error_text(&error, line, sizeof line);
  if (!strstr(line, part)) print_error("\"%s\" lacks \"%s\"\n", line, part);
  assert_non_null(strstr(line, part));
  ARRAY_FREE(&scenarios);
}

static void names_and_hashes_are_the_peers(void **state) {
  (void)state;
  Error error = {0};
  json_t *rows = document_read(GOLDEN "/scenarios.json", 1 << 20, &error);
  assert_non_null(rows);
  size_t index;
  json_t *row;
  assert_true(json_array_size(rows) > 80);
  json_array_foreach(rows, index, row) {
    char name[SCENARIO_NAME_SIZE], hash[SHA256_HEX_SIZE];
    char *text = json_dumps(json_object_get(row, "scenario"), 0);
    Scenario scenario = parse_one(text);
    assert_string_equal(scenario_name(&scenario, name),
                        json_string_value(json_object_get(row, "name")));
    assert_string_equal(scenario_verbose_name(&scenario, name),
                        json_string_value(json_object_get(row, "verbose")));
    assert_true(scenario_hash(&scenario, hash, &error));
    if (strcmp(hash, json_string_value(json_object_get(row, "hash"))) != 0)
      print_error("row %zu: %s\n", index, text);
    assert_string_equal(hash, json_string_value(json_object_get(row, "hash")));
    free(text);
  }
  json_decref(rows);
}

static void a_config_reads_back_as_the_same_scenario(void **state) {
  (void)state;
  Error error = {0};
  char first[SHA256_HEX_SIZE], second[SHA256_HEX_SIZE];
  Scenario scenario = parse_one("{\"compile_kwargs\": {\"mode\": \"default\", \"options\": "
                                "{\"a\": 0.1}}, \"batch_size\": 3, \"kernelize\": true}");
  json_t *config = scenario_config(&scenario);
  char *text = json_dumps(config, 0);
  Scenario again = parse_one(text);
  assert_true(scenario_hash(&scenario, first, &error));
  assert_true(scenario_hash(&again, second, &error));
  assert_string_equal(first, second);
  free(text);
  json_decref(config);
}

static void mistakes_are_named(void **state) {
  (void)state;
  assert_refused("{\"batchsize\": 1}", "did you mean \"batch_size\"");
  assert_refused("{\"zzz\": 1}", "unknown key \"zzz\"");
  assert_refused("{\"batch_size\": 0}", "batch_size: is 0");
  assert_refused("{\"batch_size\": \"1\"}", "is a string, expected an integer");
  assert_refused("{\"num_tokens_to_generate\": 1}", "inter-token");
  assert_refused("{\"attn_implementation\": \"eagre\"}", "eagre");
  assert_refused("{\"dtype\": \"int8\"}", "bfloat16");
  assert_refused("{\"cpu_mask\": \"sse\"}", "sse");
  assert_refused("{\"compile_kwargs\": {\"mode\": \"fast\"}}", "reduce-overhead");
  assert_refused("{\"compile_kwargs\": {\"mod\": 1}}", "did you mean \"mode\"");
  assert_refused("{\"compile_kwargs\": {}, \"compile_mode\": \"default\"}", "expected one of them");
  assert_refused("{\"name\": \"a\\nb\"}", "control character");
  assert_refused("[{}, 3]", "[1]: is an integer, expected an object");
  assert_refused("{\"batch_size\": 1, \"batch_size\": 2}", "duplicate");
  assert_refused("", "not valid JSON");
}

static void lines_are_read_one_by_one(void **state) {
  (void)state;
  Scenarios scenarios = {0};
  Error error = {0};
  static const char good[] = "{}\n\n  \r\n{\"batch_size\": 2}";
  assert_true(scenario_file_parse(good, strlen(good), true, "x.jsonl", &scenarios, &error));
  assert_int_equal(scenarios.count, 2);
  assert_int_equal(scenarios.items[1].batch_size, 2);
  static const char bad[] = "{}\n[]\n";
  assert_false(scenario_file_parse(bad, strlen(bad), true, "x.jsonl", &scenarios, &error));
  assert_non_null(strstr(error.where, "line 2"));
  ARRAY_FREE(&scenarios);
}

static void assert_real(double value, const char *expected) {
  Text text = {0};
  python_json_append_real(&text, value);
  assert_string_equal(text.data, expected);
  text_free(&text);
}

static void reals_are_written_as_python_writes_them(void **state) {
  (void)state;
  assert_real(0.1, "0.1");
  assert_real(1, "1.0");
  assert_real(-0.0, "-0.0");
  assert_real(1e16, "1e+16");
  assert_real(123456789012345680.0, "1.2345678901234568e+17");
  assert_real(9999999999999998.0, "9999999999999998.0");
  assert_real(0.0001, "0.0001");
  assert_real(0.00001234, "1.234e-05");
  assert_real(1.0 / 3, "0.3333333333333333");
  assert_real(5e-324, "5e-324");
  assert_real(1.7976931348623157e308, "1.7976931348623157e+308");
  assert_real(NAN, "NaN");
  assert_real(-INFINITY, "-Infinity");
}

static void indented_arrays_of_numbers_stay_on_a_line(void **state) {
  (void)state;
  Text text = {0};
  json_t *value =
      json_pack("{s:[i,f], s:[s], s:[], s:{}, s:[[i]]}", "n", 1, 2.5, "t", "x", "e", "o", "m", 7);
  python_json_append(&text, value, PYTHON_JSON_INDENT);
  assert_string_equal(text.data, "{\n    \"n\": [1, 2.5],\n    \"t\": [\n        \"x\"\n    ],\n"
                                 "    \"e\": [],\n    \"o\": {},\n    \"m\": [\n        [7]\n"
                                 "    ]\n}");
  json_decref(value);
  text_free(&text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_and_hashes_are_the_peers),
      cmocka_unit_test(a_config_reads_back_as_the_same_scenario),
      cmocka_unit_test(mistakes_are_named),
      cmocka_unit_test(lines_are_read_one_by_one),
      cmocka_unit_test(reals_are_written_as_python_writes_them),
      cmocka_unit_test(indented_arrays_of_numbers_stay_on_a_line),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
