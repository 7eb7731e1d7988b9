// SPDX-License-Identifier: Apache-2.0
// As in the peer: over all cells, how many times as fast flex is as another back end, on average,
// at best and at worst, and where.
#include "report/attention/printers.h"
#include "report/grid_lines.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct {
  size_t count;
  double sum;
  double largest, smallest;
  const AttentionRow *at_largest, *at_smallest;
} Speedup;

static Speedup gather(const AttentionResults *results, const char *backend, int pass) {
  Speedup speedup = {.largest = NAN, .smallest = NAN};
  for (size_t i = 0; i < results->rows.count; i++) {
    const AttentionRow *row = &results->rows.items[i];
    const AttentionRun *run = attention_row_run(row, backend);
    double value = run && run->valid ? run->pass[pass].flex_speedup : NAN;
    if (!run || !run->pass[pass].there || !isfinite(value)) continue;
    speedup.count++;
    speedup.sum += value;
    if (!(value <= speedup.largest)) speedup.largest = value, speedup.at_largest = row;
    if (!(value >= speedup.smallest)) speedup.smallest = value, speedup.at_smallest = row;
  }
  return speedup;
}

static void add_line(Grid *grid, const char *type, double value, const char *where) {
  char number[32];
  snprintf(number, sizeof number, "%.3f", value);
  grid_add_row(grid, (const char *[]){type, number, where});
}

static void append_pass(const AttentionResults *results, const char *backend, int pass,
                        bool markdown, Text *text) {
  static const GridColumn heads[] = {
      {NULL, "type", "", true}, {NULL, "speedup", "", false}, {NULL, "cell", "", true}};
  Speedup speedup = gather(results, backend, pass);
  if (!speedup.at_largest || !speedup.at_smallest) return; // no cell has one
  char cells[64];
  snprintf(cells, sizeof cells, "of %zu cell%s", speedup.count, speedup.count > 1 ? "s" : "");
  Grid grid = grid_of(heads, COUNT_OF(heads));
  add_line(&grid, "average", speedup.sum / (double)speedup.count, cells);
  add_line(&grid, "max", speedup.largest, speedup.at_largest->label);
  add_line(&grid, "min", speedup.smallest, speedup.at_smallest->label);
  text_append_format(text, "\n%sSpeedup of flex over %s, %s\n%s", markdown ? "### " : "", backend,
                     attention_pass_names[pass], markdown ? "\n" : "");
  (markdown ? grid_markdown_append : grid_lines_append)(&grid, text);
  grid_free(&grid);
}

void attention_speedups_append(const AttentionResults *results, bool markdown, Text *text) {
  for (size_t i = 0; i < results->backends.count; i++) {
    const char *backend = results->backends.items[i];
    if (strcmp(backend, "flex") == 0) continue;
    for (int pass = 0; pass < ATTENTION_PASSES; pass++)
      append_pass(results, backend, pass, markdown, text);
  }
}
