// SPDX-License-Identifier: Apache-2.0
#include "base/wrap.h"
#include "report/attention/printers.h"
#include "report/printers.h"
#include <inttypes.h>
#include <math.h>

static const double wide = 0.05, over_ceiling = 1.05; // a spread, a share
static const double busy_cores = 0.2;
enum { FEW = 5, NAMED = 3 };

// How bad a back end is at a cell in one respect; not over the kind's limit is fine.
typedef double Measure(const AttentionRow *row, const AttentionRun *run);

static double wrongness(const AttentionRow *row, const AttentionRun *run) {
  (void)row;
  return run->valid ? 0 : isfinite(run->error) && run->error > 0 ? run->error : INFINITY;
}

static double widest(const AttentionRow *row, const AttentionRun *run) {
  (void)row;
  double worst = 0;
  for (int i = 0; i < ATTENTION_PASSES; i++)
    if (run->pass[i].there) worst = fmax(worst, run->pass[i].warm.noise);
  return worst;
}

static double fewness(const AttentionRow *row, const AttentionRun *run) {
  (void)row;
  double fewest = INFINITY;
  for (int i = 0; i < ATTENTION_PASSES; i++)
    if (run->pass[i].there) fewest = fmin(fewest, (double)run->pass[i].warm.count);
  return -fewest;
}

static double share(const AttentionRow *row, const AttentionRun *run) {
  (void)row;
  double most = 0;
  for (int i = 0; i < ATTENTION_PASSES; i++)
    if (run->pass[i].there) most = fmax(most, run->pass[i].share_of_fma);
  return most;
}

static double usage_of(const AttentionRow *row, const char *key) {
  const json_t *usage = json_object_get(row->source, "usage");
  return json_number_value(json_object_get(usage, key));
}

static double other_load(const AttentionRow *row, const AttentionRun *run) {
  (void)run;
  return usage_of(row, "other_load_cores");
}

static double pages_from_disk(const AttentionRow *row, const AttentionRun *run) {
  (void)run;
  return usage_of(row, "major_page_faults");
}

static double allocations(const AttentionRow *row, const AttentionRun *run) {
  (void)run;
  return json_number_value(json_object_get(row->source, "allocations"));
}

// of_cell: the same for every back end of a cell; the format has one real number.
static const struct {
  Measure *measure;
  bool of_cell;
  double limit, factor;
  const char *format;
} kinds[] = {
    {wrongness, false, 0, 1, "the result is wrong (error up to %.2g); the times do not count"},
    {fewness, false, -FEW, -1,
     "timed calls: as few as %.0f, too few to tell noise; raise --measure-time"},
    {widest, false, wide, 100, "the median is known to +- %.0f %% at worst; raise --measure-time"},
    {share, false, over_ceiling, 100, "up to %.0f %% of the FMA peak: the ceiling was disturbed"},
    {other_load, true, busy_cores, 1,
     "other processes kept up to %.1f cores busy; end them and run again"},
    {pages_from_disk, true, 0, 1, "up to %.0f pages came from disk while it was timed"},
    {allocations, true, 0, 1, "timed calls allocated memory up to %.0f times"},
};

// What one kind of warning is about.
typedef struct {
  size_t bad, all;
  double worst;
  Text names; // of the first few
} Findings;

static void look(Findings *findings, size_t kind, const AttentionRow *row,
                 const AttentionRun *run) {
  double value = kinds[kind].measure(row, run);
  findings->all++;
  if (!(value > kinds[kind].limit)) return;
  findings->worst = fmax(findings->worst, value);
  if (findings->bad++ >= NAMED) return;
  if (findings->names.size) text_append_text(&findings->names, "; ");
  if (!kinds[kind].of_cell) text_append_format(&findings->names, "%s at ", run->name);
  text_append_text(&findings->names, row->label);
}

static Findings find(const AttentionResults *results, size_t kind) {
  Findings findings = {.worst = -INFINITY};
  for (size_t i = 0; i < results->rows.count; i++) {
    const AttentionRow *row = &results->rows.items[i];
    bool looked = false;
    for (size_t j = 0; j < row->runs.count; j++) {
      if (row->runs.items[j].status != ROW_MEASURED || (looked && kinds[kind].of_cell)) continue;
      look(&findings, kind, row, &row->runs.items[j]);
      looked = true;
    }
  }
  return findings;
}

static void append_value(Text *text, size_t kind, double worst) {
  // formats are those of the table above, each with one real number
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  text_append_format(text, kinds[kind].format, worst * kinds[kind].factor);
#pragma GCC diagnostic pop
}

static void warn(const Findings *findings, size_t kind, Text *text) {
  Text words = {0};
  if (findings->bad == findings->all && findings->all > NAMED)
    text_append_text(&words, kinds[kind].of_cell ? "every cell" : "every back end at every cell");
  else
    text_append_text(&words, findings->names.data);
  if (findings->bad > NAMED && findings->bad < findings->all)
    text_append_format(&words, "; and %zu more", findings->bad - NAMED);
  text_append_text(&words, ": ");
  append_value(&words, kind, findings->worst);
  text_append_character(&words, '.');
  wrap_append(text, words.data, REPORT_COLUMNS, 2);
  text_free(&words);
}

void attention_warnings_append(const AttentionResults *results, Text *text) {
  for (size_t kind = 0; kind < COUNT_OF(kinds); kind++) {
    Findings findings = find(results, kind);
    if (findings.bad) warn(&findings, kind, text);
    text_free(&findings.names);
  }
}
