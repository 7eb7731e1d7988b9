// SPDX-License-Identifier: Apache-2.0
// The report of a sweep of attention from a document made here: two lengths, a back end that is
// absent, one that is wrong.
#include "report/attention/plot.h"
#include "report/attention/printers.h"
#include "report/attention/series.h"
#include "report/axis.h"
#include "report/printers.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

static json_t *time_json(double ns) {
  return json_pack("{s:i, s:f, s:f, s:f, s:f}", "count", 20, "med_ns", ns, "mad_ns", ns / 100,
                   "min_ns", ns, "noise", 0.012);
}

static json_t *pass_json(double ns, double speedup) {
  return json_pack("{s:o, s:n, s:f, s:f, s:f, s:f, s:f}", "warm", time_json(ns), "cold",
                   "tflop_per_s", 0.25, "tb_per_s", 0.5, "share_of_fma", 0.75, "share_of_read",
                   0.001, "flex_speedup", speedup);
}

static json_t *run_json(const char *name, double ns, double speedup, bool valid) {
  return json_pack("{s:s, s:s, s:n, s:{s:s, s:f, s:{s:f}, s:{s:f}}, s:o, s:o}", "name", name,
                   "status", "measured", "reason", "correctness", "verdict",
                   valid ? "valid" : "invalid", "bound", 0.01, "out", "error", 0.001, "dq", "error",
                   valid ? 0.002 : 0.5, "forward", pass_json(ns, speedup), "backward",
                   pass_json(ns * 2, speedup * 2));
}

static json_t *cell_json(const char *mod, int length, double ns, bool valid) {
  char label[80];
  snprintf(label, sizeof label, "%s, B 2, Hq 4, M %d, Hkv 1, N %d, D 64", mod, length, length);
  json_t *backends =
      json_pack("[o, {s:s, s:s, s:s}, o]", run_json("math", ns * 3, 3.0, valid), "name", "fav3",
                "status", "skipped", "reason", "needs an NVIDIA GPU of the Hopper family",
                run_json("flex", ns, 1, true));
  return json_pack("{s:s, s:n, s:s, s:{s:{s:s}, s:s, s:i, s:n}, s:[i,i,i,i,i,i], s:{s:f}, "
                   "s:{s:i, s:i, s:i, s:i}, s:{s:f, s:f, s:i}, s:o}",
                   "status", "measured", "reason", "label", label, "config", "mod", "name", mod,
                   "dtype", "bfloat16", "documents", 0, "kv_size", "shape", 2, 4, length, 1, length,
                   64, "pairs", "sparsity", 0.5, "blocks", "full", 6, "partial", 4, "empty", 6,
                   "build_ns", 4200, "ceilings", "fma_gflop_per_s", 333.0, "read_gb_per_s", 30.0,
                   "threads", 2, "backends", backends);
}

static json_t *document(void) {
  json_t *sweep = json_pack(
      "{s:i, s:s, s:s, s:{s:b}, s:[s], s:[s,s,s,s], s:{s:{s:s}}, s:[{s:s,s:i,s:i,s:i,"
      "s:[s,s]}]}",
      "schema", 1, "kind", "attention", "timestamp", "2026-11-22T11:00:00Z", "config",
      "calculate_bwd", 1, "notes", "2 of 6 cells are longer than --max-seq 1024", "cells", "a", "b",
      "c", "not there yet", "trust", "machine", "processor", "A processor", "masks", "name",
      "<causal & \"more\">", "queries", 2, "keys", 2, "block", 1, "rows", "f.", "ff");
  return json_pack("{s:o, s:o, s:o, s:o}", "sweep", sweep, "a", cell_json("causal", 512, 1e6, true),
                   "b", cell_json("causal", 1024, 4e6, true), "c",
                   cell_json("a,\"b\"", 512, 1e6, false));
}

static AttentionResults make(void) {
  json_t *results = document();
  AttentionResults made;
  Error error = {0};
  assert_true(attention_results_are(results));
  bool done = attention_results_make(results, "results.json", &made, &error);
  if (!done) print_error("%s: %s\n", error.where, error.message);
  assert_true(done);
  json_decref(results);
  return made;
}

static Text printed(const char *format, AttentionPrintOptions options) {
  AttentionResults results = make();
  Text text = {0};
  attention_printer(format)(&results, &options, &text);
  attention_results_free(&results);
  return text;
}

static void check(const char *format, AttentionPrintOptions options, const char *part) {
  Text text = printed(format, options);
  if (!strstr(text.data, part)) fail_msg("no \"%s\" in:\n%s", part, text.data);
  text_free(&text);
}

static void test_reading(void **state) {
  (void)state;
  AttentionResults results = make();
  assert_int_equal(results.rows.count, 3);
  assert_int_equal(results.backends.count, 3);
  assert_string_equal(results.backends.items[2], "flex");
  const AttentionRow *row = &results.rows.items[1];
  assert_int_equal(row->keys, 1024);
  assert_int_equal(row->kv_heads, 1);
  const AttentionRun *run = attention_row_run(row, "math");
  assert_true(run->valid);
  assert_string_equal(run->worst, "dq");
  assert_true(run->error == 0.002 && run->bound == 0.01);
  assert_true(fabs(run->pass[0].warm.median - 0.012) < 1e-12);
  assert_false(run->pass[0].cold.there);
  assert_int_equal(attention_row_run(row, "fav3")->status, ROW_SKIPPED);
  assert_null(attention_row_run(row, "fav2"));
  assert_true(attention_row_same_family(row, &results.rows.items[0]));
  assert_false(attention_row_same_family(row, &results.rows.items[2]));
  attention_results_free(&results);
}

static void test_malformed(void **state) {
  (void)state;
  json_t *results = document();
  AttentionResults made;
  Error error = {0};
  json_object_set_new(json_object_get(results, "b"), "shape", json_pack("[i,s]", 2, "x"));
  assert_false(attention_results_make(results, "results.json", &made, &error));
  assert_int_equal(error.code, ERROR_FORMAT);
  assert_non_null(strstr(error.where, "shape[1]"));
  json_decref(results);
}

// The peer's columns, word for word; nan where there is no number, or none that counts.
static void test_csv(void **state) {
  (void)state;
  Text text = printed("csv", (AttentionPrintOptions){.speedups = true});
  static const char head[] =
      "attn_type,dtype,\"shape(B,Hq,M,Hkv,N,D)\","
      "math_fwd_time,math_fwd_TFlops,math_fwd_mem_bw (TB/s),"
      "math_bwd_time,math_bwd_TFlops,math_bwd_mem_bw (TB/s),"
      "fav3_fwd_time,fav3_fwd_TFlops,fav3_fwd_mem_bw (TB/s),"
      "fav3_bwd_time,fav3_bwd_TFlops,fav3_bwd_mem_bw (TB/s),"
      "flex_attn_fwd_time,flex_attn_fwd_TFlops,flex_attn_fwd_mem_bw (TB/s),"
      "flex_attn_bwd_time,flex_attn_bwd_TFlops,flex_attn_bwd_mem_bw (TB/s),"
      "math_fwd_speedup,fav3_fwd_speedup,math_bwd_speedup,fav3_bwd_speedup\r\n";
  assert_memory_equal(text.data, head, sizeof head - 1);
  assert_non_null(strstr(text.data,
                         "\r\ncausal,bfloat16,\"(2, 4, 1024, 1, 1024, 64)\",12000.0,0.25,0.5,"
                         "24000.0,0.25,0.5,nan,nan,nan,nan,nan,nan,4000.0,0.25,0.5,8000.0,0.25,0.5,"
                         "3.0,nan,6.0,nan\r\n"));
  assert_non_null(strstr(text.data, "\r\n\"a,\"\"b\"\"\",bfloat16,\"(2, 4, 512, 1, 512, 64)\",nan,"
                                    "nan,nan,"));
  text_free(&text);
}

static void test_table(void **state) {
  (void)state;
  Text text = printed("table", (AttentionPrintOptions){true, true});
  for (const char *line = text.data; *line;) {
    size_t size = strcspn(line, "\n");
    if (size > REPORT_COLUMNS) fail_msg("too wide: %.*s", (int)size, line);
    line += size + (line[size] == '\n');
  }
  text_free(&text);
  AttentionPrintOptions all = {true, true};
  check("table", all, "causal, 4 query heads on 1 key head of 64, bfloat16\n");
  check("table", all, " 2 x 512  math      fwd  3.00 ms  1.2 %");
  check("table", all, "2.0e-03  yes\n");
  check("table", all, "5.0e-01  NO\n");
  check("table", all, "[SKIP] fav3: needs an NVIDIA GPU of the Hopper family (every cell)\n");
  check("table", all, "2 of 6 cells are longer than --max-seq 1024\n");
  check("table", all, "Speedup of flex over math, backward\n");
  check("table", all, "average    6.000  of 2 cells\n");
  check("table", all, "causal  1024 x 1024   50 %  37.5 %     25 %  37.5 %   4.20 us\n");
  text = printed("table", (AttentionPrintOptions){0});
  assert_null(strstr(text.data, "GFLOP"));
  assert_null(strstr(text.data, "Speedup"));
  text_free(&text);
}

static void test_markdown(void **state) {
  (void)state;
  AttentionPrintOptions all = {true, true};
  check("markdown", all, "### causal, 4 query heads on 1 key head of 64, bfloat16\n\n| B x N |");
  check("markdown", all, "| 2 x 512 | math | bwd | 6.00 ms | 1.2 % | 250 | 75 % | 500 | <1 % |");
  check("markdown", all, "| max | 3.000 | causal, B 2, ");
}

static void test_jsonl(void **state) {
  (void)state;
  Text text = printed("jsonl", (AttentionPrintOptions){0});
  size_t lines = 0;
  for (size_t i = 0; i < text.size; i++) lines += text.data[i] == '\n';
  assert_int_equal(lines, 3);
  assert_memory_equal(text.data, "{\"benchmark_config_hash\": \"a\", ", 31);
  text_free(&text);
  assert_null(attention_printer("yaml"));
}

static void test_words(void **state) {
  (void)state;
  AttentionResults results = make();
  Text text = {0};
  attention_summary_append(&results, &text);
  assert_string_equal(text.data, "Fastest forward: flex in 2 of 2 cells.\n"
                                 "Fastest backward: flex in 2 of 2 cells.\n");
  text_clear(&text);
  attention_warnings_append(&results, &text);
  assert_non_null(strstr(text.data, "result is wrong"));
  text_free(&text);
  attention_results_free(&results);
}

static size_t count(const char *text, const char *part) {
  size_t found = 0;
  for (; (text = strstr(text, part)); text++) found++;
  return found;
}

static void test_plot(void **state) {
  (void)state;
  AttentionResults results = make();
  Text svg = {0};
  attention_plot(&results, &svg);
  assert_memory_equal(svg.data, "<svg xmlns=", 11);
  assert_null(strstr(svg.data, "<causal"));
  assert_null(strstr(svg.data, "nan"));
  assert_non_null(strstr(svg.data, "&lt;causal &amp; &quot;more&quot;&gt;"));
  assert_non_null(strstr(svg.data, "a,&quot;b&quot;"));
  assert_int_equal(count(svg.data, "<g"), count(svg.data, "</g>"));
  assert_int_equal(count(svg.data, ">time</text>"), 4); // two groups, two passes
  assert_int_equal(count(svg.data, "wrong result"), 4); // time and rate, two passes
  assert_non_null(strstr(svg.data, "FMA peak 0.333"));
  text_free(&svg);
  attention_results_free(&results);
}

static void test_empty_plot(void **state) {
  (void)state;
  json_t *nothing = json_pack("{s:{s:s, s:[]}}", "sweep", "kind", "attention", "cells");
  AttentionResults results;
  Error error;
  assert_true(attention_results_make(nothing, "n", &results, &error));
  Text svg = {0};
  attention_plot(&results, &svg);
  assert_non_null(strstr(svg.data, "</svg>"));
  text_free(&svg);
  attention_results_free(&results);
  json_decref(nothing);
}

static void test_axis(void **state) {
  (void)state;
  double ticks[AXIS_MOST_TICKS];
  Axis axis = axis_logarithmic(512, 512, 0.3);
  assert_true(axis.low < 512 && axis.high > 512);
  assert_true(fabs(axis_place(&axis, 512) - 0.5) < 1e-12);
  axis = axis_logarithmic(1e-5, 20, 1);
  size_t count_of_ticks = axis_ticks(&axis, ticks);
  assert_true(count_of_ticks >= 3 && count_of_ticks <= AXIS_MOST_TICKS);
  for (size_t i = 0; i < count_of_ticks; i++) {
    assert_true(ticks[i] >= axis.low && ticks[i] <= axis.high);
    assert_true(i == 0 || ticks[i] > ticks[i - 1]);
  }
  axis = axis_logarithmic(3, 4, 0.7);
  assert_true(axis_ticks(&axis, ticks) >= 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_reading),  cmocka_unit_test(test_malformed),
      cmocka_unit_test(test_csv),      cmocka_unit_test(test_table),
      cmocka_unit_test(test_markdown), cmocka_unit_test(test_jsonl),
      cmocka_unit_test(test_words),    cmocka_unit_test(test_plot),
      cmocka_unit_test(test_axis),     cmocka_unit_test(test_empty_plot),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
