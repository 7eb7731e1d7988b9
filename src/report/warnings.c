// SPDX-License-Identifier: Apache-2.0
#include "report/warnings.h"
#include "base/wrap.h"
#include "report/printers.h"
#include <math.h>
#include <string.h>

enum { NAMED = 2 }; // scenarios that a warning names before it counts the rest

static const double wide = 0.05;       // half the 95 % interval, as a share of the median
static const double busy_cores = 0.25; // of other processes
static const double slow_start = 1.15; // first measured run against the median

static const json_t *ours_of(const Row *row) {
  return json_object_get(row->entry, "attometer");
}

static const json_t *usage_of(const Row *row) {
  return json_object_get(json_object_get(ours_of(row), "trust"), "measured_runs");
}

static double number_of(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  return json_is_number(value) ? json_number_value(value) : NAN;
}

// Each measure says how bad a row is in one respect; NaN where that is unknown.

static double wrongness(const Row *row) {
  return row->valid ? NAN : isfinite(row->error) ? row->error : INFINITY;
}

static double sample_count(const Row *row) {
  const Cell *cell = report_primary(row);
  return cell ? number_of(cell->source, "count") : NAN;
}

static double spread(const Row *row) {
  const Cell *cell = report_primary(row);
  if (!cell || sample_count(row) < 3) return NAN;
  return (cell->ci95.high - cell->ci95.low) / 2 / fabs(cell->value);
}

static double first_over_median(const Row *row) {
  const Cell *cell = report_primary(row);
  const json_t *first = cell ? json_array_get(json_object_get(cell->source, "values"), 0) : NULL;
  if (!json_is_number(first) || !cell->less_is_better) return NAN;
  return json_number_value(first) / cell->value;
}

// Where a precision was asked for and not reached.
static double imprecision(const Row *row) {
  const json_t *precision = json_object_get(ours_of(row), "precision");
  if (!json_is_false(json_object_get(precision, "within"))) return NAN;
  return number_of(precision, "reached");
}

static double other_load(const Row *row) {
  return number_of(usage_of(row), "other_load_cores");
}

static double pages_from_disk(const Row *row) {
  return number_of(usage_of(row), "major_page_faults");
}

static double throttling(const Row *row) {
  const json_t *flag = json_object_get(json_object_get(ours_of(row), "trust"), "throttled");
  return json_is_boolean(flag) ? (double)json_is_true(flag) : NAN;
}

static double allocations(const Row *row) {
  return number_of(json_object_get(ours_of(row), "trust"), "heap_allocations");
}

// The largest share of a ceiling; over 1 the ceiling was measured too low.
static double largest_share(const Row *row) {
  double largest = NAN;
  for (size_t i = 0; i < row->cells.count; i++) {
    const Cell *cell = &row->cells.items[i];
    bool larger = strcmp(cell->unit, "share") == 0 && !(cell->value <= largest);
    if (larger) largest = cell->value;
  }
  return largest;
}

// measure, sign (1: bad above the limit, -1: bad below it), limit, factor for the text, the text
// with the worst value in it.
static const struct {
  double (*measure)(const Row *row);
  int sign;
  double limit, factor;
  const char *format;
} kinds[] = {
    {wrongness, 1, 0, 1, "the result is wrong (error up to %.2g); the times do not count"},
    {sample_count, -1, 3, 1, "measured runs: %.0f, too few to tell noise; raise --iterations"},
    {spread, 1, wide, 100, "the median is known to +- %.0f %% at worst; raise --iterations"},
    {imprecision, 1, 0, 100,
     "decoding is known to +- %.1f %% at worst, less than --until asks; raise --until-most"},
    {first_over_median, 1, slow_start, 1,
     "the first measured run took up to %.2f times the median; raise --warmup"},
    {other_load, 1, busy_cores, 1,
     "other processes kept up to %.1f cores busy; end them and run again"},
    {largest_share, 1, 1.02, 100,
     "up to %.0f %% of a ceiling: the weights fit the cache, or the ceiling was disturbed"},
    {pages_from_disk, 1, 0, 1,
     "up to %.0f pages came from disk while it was measured; raise --warmup or free memory"},
    {throttling, 1, 0, 1, "the processor throttled (%.0f)"},
    {allocations, 1, 0, 1, "measured runs allocated memory up to %.0f times"},
};

static bool is_bad(const Row *row, size_t kind, double *value) {
  if (row->status != ROW_MEASURED) return false;
  *value = kinds[kind].measure(row);
  return kinds[kind].sign > 0 ? *value > kinds[kind].limit : *value < kinds[kind].limit;
}

// The rows that a warning is about: all, or the first few by name and how many more.
static void append_rows(const Report *report, size_t kind, size_t bad, size_t measured,
                        Text *text) {
  size_t named = 0;
  double value;
  if (bad == measured && measured > 1) {
    text_append_text(text, "all scenarios");
    return;
  }
  for (size_t i = 0; i < report->rows.count && named < NAMED; i++)
    if (is_bad(&report->rows.items[i], kind, &value))
      text_append_format(text, named++ ? ", %s" : "%s", report->rows.items[i].label);
  if (bad > named) text_append_format(text, " and %zu more", bad - named);
}

static void append_value(Text *text, size_t kind, double worst) {
  // formats are those of the table above, each with one real number
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  text_append_format(text, kinds[kind].format, worst * kinds[kind].factor);
#pragma GCC diagnostic pop
}

static void warn(const Report *report, size_t kind, size_t measured, Text *text) {
  size_t bad = 0;
  double value, worst = NAN;
  for (size_t i = 0; i < report->rows.count; i++) {
    if (!is_bad(&report->rows.items[i], kind, &value)) continue;
    bad++;
    if (!(value * kinds[kind].sign <= worst * kinds[kind].sign)) worst = value;
  }
  if (bad == 0) return;
  Text words = {0};
  append_rows(report, kind, bad, measured, &words);
  text_append_text(&words, ": ");
  append_value(&words, kind, worst);
  text_append_character(&words, '.');
  wrap_append(text, words.data, REPORT_COLUMNS, 2);
  text_free(&words);
}

void warnings_list(const Report *report, Text *text) {
  size_t measured = 0;
  for (size_t i = 0; i < report->rows.count; i++)
    measured += report->rows.items[i].status == ROW_MEASURED;
  for (size_t kind = 0; kind < COUNT_OF(kinds); kind++) warn(report, kind, measured, text);
}
