// SPDX-License-Identifier: Apache-2.0
#include "report/label.h"
#include "report/printers.h"
#include "report/summary.h"
#include "report/unit.h"
#include "report/warnings.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

static json_t *statistic(const char *name, const char *column, const char *unit, bool less,
                         bool primary, double median) {
  return json_pack("{s:s, s:s, s:s, s:b, s:b, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, "
                   "s:[f,f], s:[f,f,f,f]}",
                   "name", name, "column", column, "unit", unit, "less_is_better", less, "primary",
                   primary, "count", 4, "avg", median, "std", 0.0, "min", median, "med", median,
                   "max", median, "p50", median, "p90", median, "p95", median, "p99", median,
                   "med_ci95", median * 0.99, median * 1.01, "values", median, median * 0.99,
                   median, median * 1.01);
}

static json_t *effective(const char *attention, int batch) {
  return json_pack("{s:s, s:i, s:i, s:i, s:s, s:n, s:b, s:n}", "attn_implementation", attention,
                   "batch_size", batch, "sequence_length", 128, "num_tokens_to_generate", 32,
                   "dtype", "bfloat16", "compile_kwargs", "kernelize", 0, "sdpa_backend");
}

static json_t *entry(const char *attention, int batch, const char *status, const char *reason,
                     double seconds, bool valid) {
  json_t *statistics = json_object(), *summaries = json_array();
  if (strcmp(status, "measured") == 0) {
    json_object_set_new(statistics, "e2e_latency",
                        statistic("end to end", "e2e", "seconds", true, true, seconds));
    json_object_set_new(statistics, "decode_throughput",
                        statistic("decode", "decode", "tok/s", false, false, 31 / seconds));
    json_array_append_new(summaries, json_pack("{s:s, s:s, s:s, s:s, s:f}", "tag", "decode_share",
                                               "name", "decode share", "column", "of read", "unit",
                                               "share", "value", 0.5));
    json_array_append_new(summaries, json_pack("{s:s, s:s, s:s, s:s, s:f}", "tag", "peak_memory",
                                               "name", "peak memory", "column", "memory", "unit",
                                               "bytes", "value", 3e8));
  }
  return json_pack("{s:{s:s}, s:{}, s:{s:s}, s:{s:s, s:s, s:o, s:o, s:o, s:{s:s, s:f, s:f}}}",
                   "metadata", "model_id", "org/model", "measurements", "config", "name", attention,
                   "attometer", "status", status, "reason", reason, "effective",
                   effective(attention, batch), "statistics", statistics, "summaries", summaries,
                   "correctness", "verdict", valid ? "valid" : "invalid", "error",
                   valid ? 0.001 : 0.25, "bound", 0.05);
}

static json_t *document(void) {
  return json_pack("{s:o, s:o, s:o, s:o, s:o}", "h1", entry("eager", 1, "measured", "", 1.0, true),
                   "h2", entry("sdpa", 1, "measured", "", 0.5, true), "h3",
                   entry("sdpa", 4, "measured", "", 0.25, false), "h4",
                   entry("flex_attention", 1, "skipped",
                         "attention flex_attention: not in this "
                         "build",
                         0, false),
                   "h5",
                   entry("eager", 4, "failed",
                         "its process was ended by signal 9 (Killed), which is a long reason that "
                         "does not fit into one line of a terminal",
                         0, false));
}

static Report make_report(void) {
  json_t *results = document();
  Report report;
  Error error = {0};
  bool done = report_make(results, "results.json", &report, &error);
  if (!done) print_error("%s: %s\n", error.where, error.message);
  assert_true(done);
  json_decref(results);
  return report;
}

static void assert_contains(const Text *text, const char *part) {
  if (!strstr(text->data, part)) print_error("\"%s\" lacks \"%s\"\n", text->data, part);
  assert_non_null(strstr(text->data, part));
}

static void the_table_fits_80_columns(void **state) {
  (void)state;
  Report report = make_report();
  Text text = {0};
  print_table(&report, &text);
  for (const char *line = text.data; *line;) {
    size_t length = strcspn(line, "\n");
    if (length > 80) print_error("%zu: %.*s\n", length, (int)length, line);
    assert_true(length <= 80);
    assert_true(length == 0 || line[length - 1] != ' ');
    line += length + (line[length] == '\n');
  }
  assert_contains(&text, "org/model: bfloat16, prompts of 128 tokens, 32 new tokens\n");
  assert_contains(&text, "scenario     e2e     +-  decode  of read  memory  correct\n"
                         "                          tok/s\n"
                         "eager b1  1.00 s  1.0 %    31.0   50.0 %  300 MB  yes\n"
                         "sdpa b1   500 ms  1.0 %    62.0   50.0 %  300 MB  yes\n"
                         "sdpa b4   250 ms  1.0 %     124   50.0 %  300 MB  INVALID\n");
  assert_contains(&text, "flex_attention b1: skipped, attention flex_attention: not in this");
  assert_contains(&text, "eager b4: failed, its process was ended by signal 9");
  text_free(&text);
  report_free(&report);
}

// Compiled, twice as fast as the uncompiled eager with batch 1, and one without a twin.
static json_t *compiled_entry(int batch, double seconds) {
  json_t *made = entry("eager", batch, "measured", "", seconds, true);
  json_t *ours = json_object_get(made, "attometer");
  json_object_set_new(json_object_get(ours, "effective"), "compile_kwargs",
                      json_pack("{s:s}", "mode", "default"));
  json_object_set_new(ours, "compile",
                      json_pack("{s:s, s:{s:I, s:I, s:i, s:i}, s:{s:I}}", "mode", "default", "cold",
                                "total_ns", (json_int_t)1500000000, "build_ns",
                                (json_int_t)1200000000, "programs", 2, "groups", 60, "cached",
                                "total_ns", (json_int_t)8000000));
  return made;
}

static void compiling_has_a_table_of_its_own(void **state) {
  (void)state;
  json_t *results = json_pack("{s:o, s:o, s:o}", "h1", entry("eager", 1, "measured", "", 1.0, true),
                              "h2", compiled_entry(1, 0.5), "h3", compiled_entry(4, 0.5));
  Report report;
  Error error = {0};
  assert_true(report_make(results, "results.json", &report, &error));
  json_decref(results);
  Text text = {0};
  print_table(&report, &text);
  assert_contains(&text,
                  "compiled            cold   of it     from  programs  groups  times as fast\n"
                  "                   start      cc    cache                    as uncompiled\n"
                  "eager b1 default  1.50 s  1.20 s  8.00 ms         2      60   2.00 +- 0.02\n"
                  "eager b4 default  1.50 s  1.20 s  8.00 ms         2      60              -\n");
  text_free(&text);
  print_markdown(&report, &text);
  assert_contains(&text, "| eager b1 default | 1.50 s | 1.20 s | 8.00 ms | 2 |");
  text_free(&text);
  report_free(&report);
}

static void an_invalid_scenario_is_never_fastest(void **state) {
  (void)state;
  Report report = make_report();
  Text text = {0};
  summary_sentences(&report, &text);
  assert_string_equal(
      text.data, "sdpa b1 is fastest at batch 1, 128 + 32 tokens: 2.00 +- 0.02 times as fast as\n"
                 "  eager b1 (95 % confidence).\n");
  text_free(&text);
  report_free(&report);
}

static void warnings_name_what_helps(void **state) {
  (void)state;
  Report report = make_report();
  Text text = {0};
  warnings_list(&report, &text);
  assert_string_equal(text.data,
                      "sdpa b4: the result is wrong (error up to 0.25); the times do not count.\n");
  text_free(&text);
  report_free(&report);
}

static void markdown_has_every_statistic(void **state) {
  (void)state;
  Report report = make_report();
  Text text = {0};
  print_markdown(&report, &text);
  assert_contains(&text, "| sdpa b4 | 250 ms | 1.0 % | 124 | 50.0 % | 300 MB | INVALID |");
  assert_contains(&text, "| eager b1 | decode | 4 | 31.0 tok/s |");
  assert_contains(&text, "| sdpa b1 | decode share | 50.0 % |");
  assert_contains(&text, "- eager b4: failed");
  text_free(&text);
  report_free(&report);
}

static size_t count_of(const char *line, size_t length, char character) {
  size_t count = 0;
  for (size_t i = 0; i < length; i++) count += line[i] == character;
  return count;
}

static void csv_rows_have_equal_columns(void **state) {
  (void)state;
  Report report = make_report();
  Text text = {0};
  print_csv(&report, &text);
  size_t columns = count_of(text.data, strcspn(text.data, "\r"), ','), rows = 0;
  for (const char *line = text.data; *line; rows++) {
    size_t length = strcspn(line, "\r");
    // the long reason holds one comma, inside quotes
    size_t quoted = strstr(line, "\"its process") && count_of(line, length, '"') ? 1 : 0;
    assert_int_equal(count_of(line, length, ',') - quoted, columns);
    line += length + 2;
  }
  assert_int_equal(rows, 6);
  assert_contains(&text, "\"its process was ended by signal 9 (Killed), which");
  text_free(&text);
  report_free(&report);
}

static void json_lines_are_the_peers_upload_form(void **state) {
  (void)state;
  Report report = make_report();
  Text text = {0};
  Error error;
  size_t lines = 0;
  print_jsonl(&report, &text);
  for (const char *line = text.data; *line; lines++) {
    size_t length = strcspn(line, "\n");
    json_t *row = document_parse(line, length, "line", &error);
    assert_non_null(json_object_get(row, "benchmark_config_hash"));
    assert_non_null(json_object_get(row, "config"));
    assert_non_null(json_object_get(row, "measurements"));
    assert_non_null(json_object_get(row, "metadata"));
    json_decref(row);
    line += length + 1;
  }
  assert_int_equal(lines, 5);
  text_clear(&text);
  print_json(&report, &text);
  json_t *again = document_parse(text.data, text.size, "json", &error);
  assert_true(json_equal(again, report.document));
  json_decref(again);
  text_free(&text);
  report_free(&report);
}

static void strange_documents_are_refused_or_shown(void **state) {
  (void)state;
  static const char *const bad[] = {"[]", "3", "{\"h\": 1}", "{\"h\": {\"attometer\": []}}"};
  Report report;
  Error error;
  for (size_t i = 0; i < COUNT_OF(bad); i++) {
    json_t *results = document_parse(bad[i], strlen(bad[i]), "x", &error);
    assert_false(report_make(results, "x.json", &report, &error));
    assert_int_equal(error.code, ERROR_FORMAT);
    json_decref(results);
  }
  static const char *const odd[] = {
      "{}",
      "{\"h\": {\"attometer\": {}}}",
      ("{\"h\": {\"attometer\": {\"status\": \"measured\", \"statistics\": {\"x\": 1}, "
       "\"summaries\": [1, {}]}}}"),
  };
  for (size_t i = 0; i < COUNT_OF(odd); i++) {
    static const char *const formats[] = {"table", "markdown", "csv", "json", "jsonl"};
    json_t *results = document_parse(odd[i], strlen(odd[i]), "x", &error);
    assert_true(report_make(results, "x.json", &report, &error));
    for (size_t j = 0; j < COUNT_OF(formats); j++) {
      Text text = {0};
      report_printer(formats[j])(&report, &text);
      summary_sentences(&report, &text);
      warnings_list(&report, &text);
      text_free(&text);
    }
    report_free(&report);
    json_decref(results);
  }
  assert_null(report_printer("yaml"));
}

static void assert_unit(double value, const char *unit, const char *expected) {
  char buffer[64];
  assert_string_equal(unit_text(value, unit, buffer, sizeof buffer), expected);
}

static void numbers_read_well(void **state) {
  (void)state;
  assert_unit(0.0123, "seconds", "12.3 ms");
  assert_unit(1.5, "seconds", "1.50 s");
  assert_unit(123.4, "seconds", "123 s");
  assert_unit(2.6e-5, "seconds", "26.0 us");
  assert_unit(0, "seconds", "0.00 ns");
  assert_unit(1234.5, "tok/s", "1234 tok/s");
  assert_unit(269e6, "bytes", "269 MB");
  assert_unit(30.6e9, "bytes/s", "30.6 GB/s");
  assert_unit(0.613, "share", "61.3 %");
  assert_unit(NAN, "seconds", "-");
  assert_unit(3, "apples", "3.00 apples");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_table_fits_80_columns),
      cmocka_unit_test(compiling_has_a_table_of_its_own),
      cmocka_unit_test(an_invalid_scenario_is_never_fastest),
      cmocka_unit_test(warnings_name_what_helps),
      cmocka_unit_test(markdown_has_every_statistic),
      cmocka_unit_test(csv_rows_have_equal_columns),
      cmocka_unit_test(json_lines_are_the_peers_upload_form),
      cmocka_unit_test(strange_documents_are_refused_or_shown),
      cmocka_unit_test(numbers_read_well),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
