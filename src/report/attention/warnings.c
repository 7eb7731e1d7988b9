// SPDX-License-Identifier: Apache-2.0
#include "base/wrap.h"
#include "report/attention/printers.h"
#include "report/printers.h"
#include <inttypes.h>
#include <math.h>

static const double wide = 0.05, over_ceiling = 1.05; // a spread, a share
enum { FEW = 5, NAMED = 3 };

// How bad a run is in one respect; not over `limit` is fine.
typedef double Measure(const AttentionRun *run);

static double wrongness(const AttentionRun *run) {
  return run->valid ? 0 : isfinite(run->error) && run->error > 0 ? run->error : INFINITY;
}

static double widest(const AttentionRun *run) {
  double worst = 0;
  for (int i = 0; i < ATTENTION_PASSES; i++)
    if (run->pass[i].there) worst = fmax(worst, run->pass[i].warm.noise);
  return worst;
}

static double fewness(const AttentionRun *run) {
  double fewest = INFINITY;
  for (int i = 0; i < ATTENTION_PASSES; i++)
    if (run->pass[i].there) fewest = fmin(fewest, (double)run->pass[i].warm.count);
  return -fewest;
}

static double share(const AttentionRun *run) {
  double most = 0;
  for (int i = 0; i < ATTENTION_PASSES; i++)
    if (run->pass[i].there) most = fmax(most, run->pass[i].share_of_fma);
  return most;
}

static const struct {
  Measure *measure;
  double limit, factor;
  const char *format;
} kinds[] = {
    {wrongness, 0, 1, "the result is wrong (error up to %.2g); the times do not count"},
    {fewness, -FEW, -1, "timed calls: as few as %.0f, too few to tell noise; raise --measure-time"},
    {widest, wide, 100, "the median is known to +- %.0f %% at worst; raise --measure-time"},
    {share, over_ceiling, 100, "up to %.0f %% of the FMA peak: the ceiling was disturbed"},
};

static void append_value(Text *text, size_t kind, double worst) {
  // formats are those of the table above, each with one real number
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  text_append_format(text, kinds[kind].format, worst * kinds[kind].factor);
#pragma GCC diagnostic pop
}

// The first few runs that are bad by name, and how many more.
static void warn(const AttentionResults *results, size_t kind, Text *text) {
  size_t bad = 0;
  double worst = -INFINITY;
  Text words = {0};
  for (size_t i = 0; i < results->rows.count; i++)
    for (size_t j = 0; j < results->rows.items[i].runs.count; j++) {
      const AttentionRun *run = &results->rows.items[i].runs.items[j];
      double value = run->status == ROW_MEASURED ? kinds[kind].measure(run) : -INFINITY;
      if (!(value > kinds[kind].limit)) continue;
      worst = fmax(worst, value);
      if (bad++ < NAMED)
        text_append_format(&words, "%s%s at %s", words.size ? "; " : "", run->name,
                           results->rows.items[i].label);
    }
  if (bad > NAMED) text_append_format(&words, "; and %zu more", bad - NAMED);
  if (bad) {
    text_append_text(&words, ": ");
    append_value(&words, kind, worst);
    text_append_character(&words, '.');
    wrap_append(text, words.data, REPORT_COLUMNS, 2);
  }
  text_free(&words);
}

void attention_warnings_append(const AttentionResults *results, Text *text) {
  for (size_t kind = 0; kind < COUNT_OF(kinds); kind++) warn(results, kind, text);
}
