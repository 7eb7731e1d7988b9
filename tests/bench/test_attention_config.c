// SPDX-License-Identifier: Apache-2.0
// Configurations of the attention sweep: every key from a file and from words, and what is refused.
#include "base/memory.h"
#include "base/python_json.h"
#include "bench/attention/config.h"
#include "formats/npy.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

static AttentionSweep *parse(const char *name, const char *text) {
  Error error;
  AttentionSweep *sweep = attention_sweep_open();
  bool done = attention_sweep_parse(sweep, text, strlen(text), name, "", &error);
  if (!done) print_error("%s: %s\n", error.where, error.message);
  assert_true(done);
  return sweep;
}

static void assert_refused(const char *text, const char *where, const char *message) {
  Error error;
  AttentionSweep *sweep = attention_sweep_open();
  assert_false(attention_sweep_parse(sweep, text, strlen(text), "f.yaml", "", &error) &&
               attention_sweep_check(sweep, &error));
  if (strcmp(error.where, where) || !strstr(error.message, message))
    print_error("%s\n  %s: %s\n", text, error.where, error.message);
  assert_string_equal(error.where, where);
  assert_non_null(strstr(error.message, message));
  attention_sweep_close(sweep);
}

// The value of one key as JSON.
static void assert_value(const AttentionSweep *sweep, const char *key, const char *expected) {
  json_t *json = attention_sweep_json(sweep);
  Text text = {0};
  python_json_append(&text, json_object_get(json, key), PYTHON_JSON_LINE);
  assert_string_equal(text.data, expected);
  text_free(&text);
  json_decref(json);
}

static void the_defaults_are_the_peers(void **state) {
  (void)state;
  Error error;
  AttentionSweep *sweep = attention_sweep_open();
  assert_value(sweep, "dynamic", "false");
  assert_value(sweep, "calculate_bwd", "false");
  assert_value(sweep, "dtype", "\"bfloat16\"");
  assert_value(sweep, "b", "[2, 8, 16]");
  assert_value(sweep, "nh", "[\"16,16\", \"16,2\"]");
  assert_value(sweep, "s", "[512, 1024, 4096]");
  assert_value(sweep, "d", "[64, 128]");
  assert_value(sweep, "mods", "[\"noop\", \"causal\", \"alibi\", \"sliding_window\"]");
  assert_value(sweep, "backend", "[\"efficient\"]");
  assert_value(sweep, "max_autotune", "false");
  assert_value(sweep, "decoding", "false");
  assert_value(sweep, "kv_size", "null");
  assert_value(sweep, "throughput", "true");
  assert_value(sweep, "show_speedups", "false");
  assert_value(sweep, "save_path", "null");
  assert_value(sweep, "output_json_for_dashboard", "null");
  assert_value(sweep, "benchmark_name", "\"PyTorch operator microbenchmark\"");
  assert_true(attention_sweep_check(sweep, &error));
  attention_sweep_close(sweep);
}

static const char every_key[] =
    "dynamic: true\ncalculate_bwd: true\ndtype: float32\nb: [1, 3]\nnh: [\"8,2\", [4, 4]]\n"
    "s: 128\nd: [64]\n"
    "mods: [causal, {name: far, score: \"score * w\", mask: q_idx - kv_idx > gap,\n"
    "       params: {w: 0.5, gap: 3, on: true}}]\n"
    "backend: [math, flex, fav2, math]\nmax_autotune: true\ndecoding: false\nkv_size: [64]\n"
    "throughput: false\nshow_speedups: true\nsave_path: out.csv\n"
    "output_json_for_dashboard: d.json\nbenchmark_name: mine\nmax_seq: 4096\nmax_batch: 8\n"
    "max_bytes: 2G\ntime_budget: 60\ntimeout: 12.5\nmeasure_time: 0.25\nwarmup: 1\ncold: false\n"
    "threads: 2\npin: true\ncpu_mask: avx2\n";

static void assert_every_key(const AttentionSweep *sweep) {
  assert_value(sweep, "dtype", "\"float32\"");
  assert_value(sweep, "b", "[1, 3]");
  assert_value(sweep, "nh", "[\"8,2\", \"4,4\"]");
  assert_value(sweep, "s", "[128]");
  assert_value(sweep, "mods",
               "[\"causal\", {\"name\": \"far\", \"score\": \"score * w\", \"mask\": "
               "\"q_idx - kv_idx > gap\", \"params\": {\"w\": 0.5, \"gap\": 3, \"on\": 1}}]");
  assert_value(sweep, "backend", "[\"math\", \"fav2\"]");
  assert_value(sweep, "kv_size", "[64]");
  assert_value(sweep, "save_path", "\"out.csv\"");
  assert_value(sweep, "max_bytes", "2147483648");
  assert_value(sweep, "timeout", "12.5");
  assert_value(sweep, "warmup", "1");
  assert_value(sweep, "cpu_mask", "\"avx2\"");
  assert_true(sweep->dynamic && sweep->calculate_bwd && sweep->max_autotune && sweep->pin &&
              sweep->show_speedups && !sweep->throughput && !sweep->cold && !sweep->decoding);
  assert_true(sweep->max_seq == 4096 && sweep->max_batch == 8 && sweep->threads == 2 &&
              sweep->time_budget == 60 && sweep->measure_time == 0.25);
}

static void every_key_is_read_from_yaml_and_reads_back(void **state) {
  (void)state;
  Error error;
  AttentionSweep *sweep = parse("f.yaml", every_key);
  assert_every_key(sweep);
  assert_true(attention_sweep_check(sweep, &error));
  for (int yaml = 0; yaml < 2; yaml++) {
    Text text = {0};
    attention_sweep_print(sweep, yaml, &text);
    AttentionSweep *again = parse(yaml ? "again.yaml" : "again.json", text.data);
    assert_every_key(again);
    json_t *left = attention_sweep_json(sweep), *right = attention_sweep_json(again);
    assert_true(json_equal(left, right));
    json_decref(left);
    json_decref(right);
    attention_sweep_close(again);
    text_free(&text);
  }
  attention_sweep_close(sweep);
}

static void what_a_file_does_not_say_stays(void **state) {
  (void)state;
  AttentionSweep *sweep = parse("f.yaml", "# nothing but this\ns: [64]\nkv_size: null\nb: null\n");
  assert_value(sweep, "s", "[64]");
  assert_value(sweep, "b", "[2, 8, 16]");
  attention_sweep_close(sweep);
  attention_sweep_close(parse("f.yaml", ""));
  attention_sweep_close(parse("f.json", "{}"));
}

static void wrong_values_are_refused_with_their_place(void **state) {
  (void)state;
  assert_refused("b: [1]\nbacend: [math]\n", "f.yaml, bacend (line 2, column 9)",
                 "did you mean \"backend\"?");
  assert_refused("qqqq: 1\n", "f.yaml, qqqq (line 1, column 7)", "unknown key \"qqqq\"");
  assert_refused("s: [512, x]\n", "f.yaml, s[1] (line 1, column 10)",
                 "is a string, expected an integer");
  assert_refused("s: [0]\n", "f.yaml, s[0] (line 1, column 5)", "is 0, expected 1 to");
  assert_refused("b: [-2]\n", "f.yaml, b[0] (line 1, column 5)", "is -2, expected 1 to");
  assert_refused("b: [1.5]\n", "f.yaml, b[0] (line 1, column 5)", "expected an integer");
  assert_refused("dynamic: yes\n", "f.yaml, dynamic (line 1, column 10)",
                 "is a string, expected true or false");
  assert_refused("dtype: float64\n", "f.yaml, dtype (line 1, column 8)",
                 "is \"float64\", expected");
  assert_refused("nh: [\"16,3\"]\n", "f.yaml, nh[0] (line 1, column 6)", "multiple");
  assert_refused("nh: [16,16]\n", "f.yaml, nh[0] (line 1, column 6)", "in quotes: \"16,2\"");
  assert_refused("nh: [\"16\"]\n", "f.yaml, nh[0] (line 1, column 6)", "is \"16\", expected");
  assert_refused("nh: [\"16,0\"]\n", "f.yaml, nh[0] (line 1, column 6)", "multiple");
  assert_refused("nh: [\"16,99999999999999999999\"]\n", "f.yaml, nh[0] (line 1, column 6)",
                 "multiple");
  assert_refused("backend: [fav9]\n", "f.yaml, backend[0] (line 1, column 11)", "did you mean");
  assert_refused("backend: [1]\n", "f.yaml, backend[0] (line 1, column 11)", "expected a string");
  assert_refused("max_bytes: 3X\n", "f.yaml, max_bytes (line 1, column 12)", "is \"3X\", expected");
  assert_refused("max_bytes: -1\n", "f.yaml, max_bytes (line 1, column 12)", "is -1");
  assert_refused("timeout: -1\n", "f.yaml, timeout (line 1, column 10)", "is -1");
  assert_refused("[1]\n", "f.yaml (line 1, column 1)", "is an array, expected an object");
  assert_refused("b: [1, 2\n", "f.yaml", "not valid YAML at line");
  assert_refused("b: 1\nb: 2\n", "f.yaml", "line 2, column 1: the key \"b\" is there twice");
}

static void wrong_mods_are_refused_with_their_place(void **state) {
  (void)state;
  assert_refused("mods: [1]\n", "f.yaml, mods[0] (line 1, column 8)", "is an integer, expected");
  assert_refused("mods: [casual]\n", "f.yaml, mods[0] (line 1, column 8)",
                 "did you mean \"causal\"?");
  assert_refused("mods: [zzzzzz]\n", "f.yaml, mods[0] (line 1, column 8)", "expected noop, causal");
  assert_refused("mods:\n  - {nam: x}\n", "f.yaml, mods[0].nam (line 2, column 11)",
                 "did you mean \"name\"?");
  assert_refused("mods: [{score: score}]\n", "f.yaml, mods[0].name (line 1, column 8)",
                 "is missing");
  assert_refused("mods: [{name: 3}]\n", "f.yaml, mods[0].name (line 1, column 15)",
                 "is an integer");
  assert_refused("mods: [{name: a b, score: score}]\n", "f.yaml, mods[0].name (line 1, column 15)",
                 "is no name");
  assert_refused("mods: [{name: causal, score: score}]\n", "f.yaml, mods[0] (line 1, column 8)",
                 "is the name of a pattern");
  assert_refused("mods: [{name: x, score: 2}]\n", "f.yaml, mods[0].score (line 1, column 25)",
                 "expected a string");
  assert_refused("mods: [{name: x, score: score, params: [1]}]\n",
                 "f.yaml, mods[0].params (line 1, column 40)", "expected an object");
  assert_refused("mods: [{name: x, score: score, params: {w: z}}]\n",
                 "f.yaml, mods[0].params.w (line 1, column 44)", "expected a number");
  assert_refused("mods: [{name: softcap, params: {cop: 3}}]\n",
                 "f.yaml, mods[0] (line 1, column 8)", "softcap has no parameter \"cop\"");
  assert_refused("mods: [{name: x, score: score +}]\n",
                 "f.yaml, mods[0] (line 1, column 8): mod x, score", "");
  assert_refused("mods: [{name: x, mask: \"doc[q_idx] == 1\", arrays: {doc: /nowhere/d.npy}}]\n",
                 "f.yaml, mods[0] (line 1, column 8): /nowhere/d.npy", "No such file");
  assert_refused("mods: []\n", "mods", "empty list");
}

static void what_does_not_go_together_is_refused(void **state) {
  (void)state;
  assert_refused("decoding: true\ncalculate_bwd: true\n", "calculate_bwd", "no backward pass");
  assert_refused("decoding: true\nmods: [document_mask]\n", "f.yaml, mods[0] (line 2, column 8)",
                 "cannot be decoded");
  assert_refused("s: []\n", "s", "empty list");
  assert_refused("threads: 4294967296\n", "threads", "expected at most 1024");
  assert_refused("cpu_mask: avx9\n", "cpu_mask", "no instruction set");
}

static void json_is_read_strictly_with_places(void **state) {
  (void)state;
  Error error;
  AttentionSweep *sweep =
      parse("f.json", "{\"s\": [64, 128], \"nh\": [\"8,2\"], \"kv_size\": [1]}");
  assert_value(sweep, "s", "[64, 128]");
  static const char wrong[] = "{\n  \"s\": [64, \"x\"]\n}", trailing[] = "{\"s\": [64,]}";
  assert_false(attention_sweep_parse(sweep, wrong, sizeof wrong - 1, "f.json", "", &error));
  assert_string_equal(error.where, "f.json, s[1] (line 2, column 13)");
  assert_false(attention_sweep_parse(sweep, trailing, sizeof trailing - 1, "f.json", "", &error));
  assert_non_null(strstr(error.message, "not valid JSON at line 1"));
  attention_sweep_close(sweep);
}

static bool set(AttentionSweep *sweep, const char *key, const char *words, Error *error) {
  char copy[200];
  const char *list[8];
  size_t count = 0;
  snprintf(copy, sizeof copy, "%s", words);
  for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) list[count++] = word;
  return attention_sweep_set(sweep, key, list, count, "--flag", error);
}

static void words_of_a_command_line_win_over_the_file(void **state) {
  (void)state;
  Error error;
  AttentionSweep *sweep = parse("f.yaml", every_key);
  static const char *const rows[][3] = {
      {"b", "4 5", "[4, 5]"},
      {"nh", "16,16 32,4", "[\"16,16\", \"32,4\"]"},
      {"dtype", "float16", "\"float16\""},
      {"mods", "noop rel", "[\"noop\", \"rel\"]"},
      {"backend", "efficient fakv", "[\"efficient\", \"fakv\"]"},
      {"decoding", "", "true"},
      {"throughput", "true", "true"},
      {"calculate_bwd", "false", "false"},
      {"kv_size", "256 512", "[256, 512]"},
      {"save_path", "there.csv", "\"there.csv\""},
      {"max_bytes", "16M", "16777216"},
      {"timeout", "1.5", "1.5"},
      {"max_seq", "2048", "2048"},
  };
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    assert_true(set(sweep, rows[i][0], rows[i][1], &error));
    assert_value(sweep, rows[i][0], rows[i][2]);
  }
  static const char *const wrong[][3] = {
      {"b", "x", "\"x\" is not a whole number"},
      {"b", "0", "is 0, expected 1"},
      {"b", "9223372036854775808", "not a whole number"},
      {"max_seq", "1 2", "has 2 values, expected one"},
      {"dtype", "int8", "expected bfloat16"},
      {"decoding", "maybe", "not true or false"},
      {"timeout", "soon", "not a number"},
      {"nh", "16", "expected query heads"},
      {"backend", "mth", "did you mean \"math\"?"},
      {"nothing", "1", "there is no key"},
  };
  for (size_t i = 0; i < COUNT_OF(wrong); i++) {
    assert_false(set(sweep, wrong[i][0], wrong[i][1], &error));
    assert_int_equal(error.code, ERROR_ARGUMENT);
    assert_memory_equal(error.where, "--flag", 6);
    if (!strstr(error.message, wrong[i][2])) print_error("%s: %s\n", error.where, error.message);
    assert_non_null(strstr(error.message, wrong[i][2]));
  }
  attention_sweep_close(sweep);
}

static void one_mod_replaces_all(void **state) {
  (void)state;
  Error error;
  AttentionSweep *sweep = parse("f.yaml", every_key);
  SweepMod mod = {.name = "mine", .score = "score * 2", .place = "--score"};
  attention_sweep_set_mod(sweep, &mod);
  assert_value(sweep, "mods", "[{\"name\": \"mine\", \"score\": \"score * 2\"}]");
  assert_true(attention_sweep_check(sweep, &error));
  mod.score = "score *";
  attention_sweep_set_mod(sweep, &mod);
  assert_false(attention_sweep_check(sweep, &error));
  assert_string_equal(error.where, "--score: mod mine, score");
  attention_sweep_close(sweep);
}

static void arrays_lie_beside_the_file(void **state) {
  (void)state;
  Error error;
  char folder[] = "/tmp/attometer-config-XXXXXX", npy[80], yaml[80];
  assert_non_null(mkdtemp(folder));
  snprintf(npy, sizeof npy, "%s/slope.npy", folder);
  snprintf(yaml, sizeof yaml, "%s/sweep.yaml", folder);
  const float slopes[] = {1, 2, 3, 4};
  const int64_t shape[] = {4};
  assert_true(npy_write(npy, 1, shape, slopes, &error));
  FILE *file = fopen(yaml, "w");
  fputs("mods: [{name: sloped, score: \"score * slope[h]\", arrays: {slope: slope.npy}}]\n"
        "nh: [\"4,2\"]\n",
        file);
  fclose(file);
  AttentionSweep *sweep = attention_sweep_open();
  bool done = attention_sweep_read(sweep, yaml, &error) && attention_sweep_check(sweep, &error);
  if (!done) print_error("%s: %s\n", error.where, error.message);
  assert_true(done);
  // a file gives the CSV a name
  assert_memory_equal(sweep->save_path, "benchmark_results_", 18);
  attention_sweep_close(sweep);
  unlink(npy);
  unlink(yaml);
  rmdir(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_defaults_are_the_peers),
      cmocka_unit_test(every_key_is_read_from_yaml_and_reads_back),
      cmocka_unit_test(what_a_file_does_not_say_stays),
      cmocka_unit_test(wrong_values_are_refused_with_their_place),
      cmocka_unit_test(wrong_mods_are_refused_with_their_place),
      cmocka_unit_test(what_does_not_go_together_is_refused),
      cmocka_unit_test(json_is_read_strictly_with_places),
      cmocka_unit_test(words_of_a_command_line_win_over_the_file),
      cmocka_unit_test(one_mod_replaces_all),
      cmocka_unit_test(arrays_lie_beside_the_file),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
