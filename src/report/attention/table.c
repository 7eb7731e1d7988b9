// SPDX-License-Identifier: Apache-2.0
#include "base/wrap.h"
#include "report/attention/grid.h"
#include "report/grid_lines.h"
#include "report/printers.h"
#include <math.h>

// Processor, threads, and the ceilings.
static void append_machine(const AttentionResults *results, Text *line) {
  const json_t *machine = json_object_get(json_object_get(results->sweep, "trust"), "machine");
  const char *processor = json_string_value(json_object_get(machine, "processor"));
  double threads = attention_results_ceiling(results, "threads");
  text_append_format(line, "attention on %s", processor ? processor : "this machine");
  if (!isfinite(threads)) return;
  text_append_format(line, ", %.0f thread%s: FMA peak %.4g TFLOP/s, read %.3g GB/s", threads,
                     threads > 1 ? "s" : "",
                     attention_results_ceiling(results, "fma_gflop_per_s") / 1e3,
                     attention_results_ceiling(results, "read_gb_per_s"));
}

static void append_intro(const AttentionResults *results, bool markdown, Text *text) {
  Text line = {0};
  const json_t *note;
  size_t index;
  append_machine(results, &line);
  wrap_append(text, line.data, REPORT_COLUMNS, 2);
  text_free(&line);
  if (markdown) text_append_character(text, '\n');
  json_array_foreach(json_object_get(results->sweep, "notes"), index, note) {
    const char *words = json_string_value(note);
    if (!words) continue;
    if (markdown) text_append_text(text, "- ");
    wrap_append(text, words, REPORT_COLUMNS, 2);
  }
}

// A grid under its heading, if it has rows.
static void append_grid(const char *heading, Grid grid, bool markdown, Text *text) {
  if (grid.rows) {
    text_append_format(text, "\n%s%s\n%s", markdown ? "### " : "", heading, markdown ? "\n" : "");
    (markdown ? grid_markdown_append : grid_lines_append)(&grid, text);
  }
  grid_free(&grid);
}

static void append_family(const AttentionResults *results, size_t first,
                          const AttentionPrintOptions *options, bool markdown, Text *text) {
  char family[160];
  attention_row_family(&results->rows.items[first], family, sizeof family);
  append_grid(family, attention_grid_make(results, first, options, !markdown), markdown, text);
}

static void print(const AttentionResults *results, const AttentionPrintOptions *options,
                  bool markdown, Text *text) {
  append_intro(results, markdown, text);
  for (size_t i = 0; i < results->rows.count; i++)
    if (attention_row_begins_family(results, i)) append_family(results, i, options, markdown, text);
  append_grid("what each mask leaves, in blocks of 128 x 128", attention_mask_grid(results),
              markdown, text);
  append_grid("what compiling flex took", attention_code_grid(results), markdown, text);
  if (options->speedups) attention_speedups_append(results, markdown, text);
  Text skips = {0};
  attention_skips_append(results, &skips);
  if (skips.size && markdown)
    text_append_format(text, "\n```\n%s```\n", skips.data);
  else if (skips.size)
    text_append_format(text, "\n%s", skips.data);
  text_free(&skips);
}

void attention_print_table(const AttentionResults *results, const AttentionPrintOptions *options,
                           Text *text) {
  print(results, options, false, text);
}

void attention_print_markdown(const AttentionResults *results, const AttentionPrintOptions *options,
                              Text *text) {
  print(results, options, true, text);
}
