// SPDX-License-Identifier: Apache-2.0
#include "report/warnings.h"
#include <math.h>

static const double wide = 0.05;       // half the 95 % interval, as a share of the median
static const double busy_cores = 0.25; // of other processes
static const double slow_start = 1.15; // first measured run against the median

static const json_t *trust_of(const Row *row) {
  return json_object_get(json_object_get(row->entry, "attometer"), "trust");
}

static double number_of(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  return json_is_number(value) ? json_number_value(value) : NAN;
}

static void warn_invalid(const Row *row, Text *text) {
  const json_t *correctness =
      json_object_get(json_object_get(row->entry, "attometer"), "correctness");
  if (row->valid) return;
  text_append_format(text,
                     "%s: the result is wrong (error %.2g, bound %.2g), its times do not count\n",
                     row->label, row->error, number_of(correctness, "bound"));
}

static void warn_spread(const Row *row, Text *text) {
  const Cell *cell = report_primary(row);
  double noise = cell ? (cell->ci95.high - cell->ci95.low) / 2 / fabs(cell->value) : NAN;
  long long count = cell ? json_integer_value(json_object_get(cell->source, "count")) : 0;
  if (count < 3 && cell)
    text_append_format(text,
                       "%s: %lld measured run%s say nothing about noise; use --iterations 10\n",
                       row->label, count, count == 1 ? "" : "s");
  else if (noise > wide)
    text_append_format(
        text, "%s: the median is known to +- %.0f %% only; raise --iterations (%lld now)\n",
        row->label, noise * 100, count);
}

static void warn_warmup(const Row *row, Text *text) {
  const Cell *cell = report_primary(row);
  const json_t *first = cell ? json_array_get(json_object_get(cell->source, "values"), 0) : NULL;
  if (!json_is_number(first) || !cell->less_is_better) return;
  double ratio = json_number_value(first) / cell->value;
  if (ratio > slow_start)
    text_append_format(text,
                       "%s: the first measured run took %.2f times the median; raise --warmup\n",
                       row->label, ratio);
}

static void warn_disturbance(const Row *row, Text *text) {
  const json_t *trust = trust_of(row), *usage = json_object_get(trust, "measured_runs");
  double load = number_of(usage, "other_load_cores"),
         faults = number_of(usage, "major_page_faults");
  if (load > busy_cores)
    text_append_format(text, "%s: other processes kept %.1f cores busy while it ran\n", row->label,
                       load);
  if (faults > 0)
    text_append_format(text,
                       "%s: %.0f pages came from disk during measured runs; raise --warmup or "
                       "free memory\n",
                       row->label, faults);
  if (json_is_true(json_object_get(trust, "throttled")))
    text_append_format(text, "%s: the processor throttled while it ran\n", row->label);
  if (number_of(trust, "heap_allocations") > 0)
    text_append_format(text, "%s: measured runs allocated memory %.0f times\n", row->label,
                       number_of(trust, "heap_allocations"));
}

void warnings_list(const Report *report, Text *text) {
  for (size_t i = 0; i < report->rows.count; i++) {
    const Row *row = &report->rows.items[i];
    if (row->status != ROW_MEASURED) continue;
    warn_invalid(row, text);
    warn_spread(row, text);
    warn_warmup(row, text);
    warn_disturbance(row, text);
  }
}
