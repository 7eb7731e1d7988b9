// SPDX-License-Identifier: Apache-2.0
#include "base/wrap.h"
#include "report/attention/printers.h"
#include "report/printers.h"
#include <math.h>
#include <string.h>

static bool competes(const AttentionRun *run, int pass) {
  return run && run->valid && run->pass[pass].there && isfinite(run->pass[pass].warm.median);
}

// The fastest back end of a cell; NULL where fewer than two compete.
static const char *winner(const AttentionRow *row, int pass) {
  const AttentionRun *best = NULL;
  size_t competitors = 0;
  for (size_t i = 0; i < row->runs.count; i++) {
    const AttentionRun *run = &row->runs.items[i];
    if (!competes(run, pass)) continue;
    competitors++;
    if (!best || run->pass[pass].warm.median < best->pass[pass].warm.median) best = run;
  }
  return competitors > 1 ? best->name : NULL;
}

static void append_pass(const AttentionResults *results, int pass, Text *text) {
  size_t wins[64] = {0}, cells = 0;
  for (size_t i = 0; i < results->rows.count; i++) {
    const char *name = winner(&results->rows.items[i], pass);
    cells += name != NULL;
    for (size_t j = 0; name && j < results->backends.count && j < COUNT_OF(wins); j++)
      wins[j] += strcmp(results->backends.items[j], name) == 0;
  }
  if (cells == 0) return;
  Text line = {0};
  text_append_format(&line, "Fastest %s:", attention_pass_names[pass]);
  bool said = false;
  for (size_t j = 0; j < results->backends.count && j < COUNT_OF(wins); j++) {
    if (wins[j] == 0) continue;
    text_append_format(&line, "%s %s in %zu", said ? "," : "", results->backends.items[j], wins[j]);
    said = true;
  }
  text_append_format(&line, " of %zu cell%s.", cells, cells > 1 ? "s" : "");
  wrap_append(text, line.data, REPORT_COLUMNS, 2);
  text_free(&line);
}

void attention_summary_append(const AttentionResults *results, Text *text) {
  for (int pass = 0; pass < ATTENTION_PASSES; pass++) append_pass(results, pass, text);
}
