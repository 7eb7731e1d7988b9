// SPDX-License-Identifier: Apache-2.0
#include "base/python_json.h"
#include "report/attention/printers.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

static const char *const passes[] = {"fwd", "bwd"};

static const char *peer_name(const char *backend) {
  return strcmp(backend, "flex") == 0 ? "flex_attn" : backend;
}

// How many back ends flex is compared with; it is the last.
static size_t compared(const AttentionResults *results) {
  size_t count = results->backends.count;
  bool has_flex = count && strcmp(results->backends.items[count - 1], "flex") == 0;
  return count - has_flex;
}

static void append_head(const AttentionResults *results, int pass_count, bool speedups,
                        Text *text) {
  text_append_text(text, "attn_type,dtype,\"shape(B,Hq,M,Hkv,N,D)\"");
  for (size_t i = 0; i < results->backends.count; i++) {
    const char *name = peer_name(results->backends.items[i]);
    for (int pass = 0; pass < pass_count; pass++)
      text_append_format(text, ",%s_%s_time,%s_%s_TFlops,%s_%s_mem_bw (TB/s)", name, passes[pass],
                         name, passes[pass], name, passes[pass]);
  }
  for (int pass = 0; speedups && pass < pass_count; pass++)
    for (size_t i = 0; i < compared(results); i++)
      text_append_format(text, ",%s_%s_speedup", results->backends.items[i], passes[pass]);
  text_append_text(text, "\r\n");
}

static void append_number(double value, Text *text) {
  text_append_character(text, ',');
  if (isfinite(value))
    python_json_append_real(text, value);
  else
    text_append_text(text, "nan");
}

// A time whose result is wrong is no time.
static const AttentionPass *pass_of(const AttentionRow *row, const char *backend, int pass) {
  static const AttentionPass none = {
      .warm.median = NAN, .tflop_per_s = NAN, .tb_per_s = NAN, .flex_speedup = NAN};
  const AttentionRun *run = attention_row_run(row, backend);
  return run && run->valid && run->pass[pass].there ? &run->pass[pass] : &none;
}

static void append_name(const char *name, Text *text) {
  bool quoted = strpbrk(name, ",\"\r\n") != NULL;
  if (quoted) text_append_character(text, '"');
  for (; *name; name++) {
    if (*name == '"') text_append_character(text, '"');
    text_append_character(text, *name);
  }
  if (quoted) text_append_character(text, '"');
}

static void append_row(const AttentionResults *results, const AttentionRow *row, int pass_count,
                       bool speedups, Text *text) {
  append_name(row->mod, text);
  text_append_format(
      text,
      ",%s,\"(%" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64 ")\"",
      row->dtype, row->batch, row->heads, row->queries, row->kv_heads, row->keys, row->head_dim);
  for (size_t i = 0; i < results->backends.count; i++)
    for (int pass = 0; pass < pass_count; pass++) {
      const AttentionPass *numbers = pass_of(row, results->backends.items[i], pass);
      append_number(numbers->warm.median * 1e6, text);
      append_number(numbers->tflop_per_s, text);
      append_number(numbers->tb_per_s, text);
    }
  for (int pass = 0; speedups && pass < pass_count; pass++)
    for (size_t i = 0; i < compared(results); i++)
      append_number(pass_of(row, results->backends.items[i], pass)->flex_speedup, text);
  text_append_text(text, "\r\n");
}

void attention_print_csv(const AttentionResults *results, const AttentionPrintOptions *options,
                         Text *text) {
  bool backward = json_is_true(attention_results_config(results, "calculate_bwd"));
  int pass_count = backward ? ATTENTION_PASSES : 1;
  append_head(results, pass_count, options->speedups, text);
  for (size_t i = 0; i < results->rows.count; i++)
    append_row(results, &results->rows.items[i], pass_count, options->speedups, text);
}
