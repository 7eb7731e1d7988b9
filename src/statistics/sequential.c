// SPDX-License-Identifier: Apache-2.0
#include "statistics/sequential.h"
#include "base/memory.h"
#include "statistics/bootstrap.h"
#include "statistics/signed_rank.h"
#include <math.h>

bool sequential_is_look(const SequentialDesign *design, size_t pairs) {
  if (pairs == 0 || pairs > design->most) return false;
  for (size_t i = 1; i <= design->looks; i++)
    if (pairs == (design->most * i + design->looks - 1) / design->looks) return true;
  return false;
}

// What this look may spend; 0: so few pairs cannot speak at that level.
static double level_of(const SequentialDesign *design, double spent, size_t pairs, bool last) {
  double share = last ? 1.0 : fmin(1.0, (double)pairs / (double)design->most);
  double level = design->alpha * share - spent;
  return signed_rank_least_p(pairs) > level ? 0.0 : level;
}

static double test(const double *a, const double *b, size_t count) {
  double *differences = memory_allocate(count * sizeof *differences);
  for (size_t i = 0; i < count; i++) differences[i] = log(b[i]) - log(a[i]);
  double p = signed_rank_p(differences, count);
  memory_free(differences);
  return p;
}

static Verdict judge(const SequentialDesign *design, const SequentialComparison *comparison) {
  bool below = comparison->interval.high < 1 - design->least_effect;
  bool above = comparison->interval.low > 1 + design->least_effect;
  if (!(comparison->p <= comparison->level) || (!below && !above)) return VERDICT_CANNOT_TELL;
  return below == design->less_is_better ? VERDICT_BETTER : VERDICT_WORSE;
}

// Where no effect is too small to matter only a rejection makes use of the interval, which costs
// most of a look.
static bool wants_interval(const SequentialDesign *design, const SequentialComparison *comparison) {
  return comparison->level > 0.0 &&
         (design->least_effect > 0.0 || comparison->p <= comparison->level);
}

void sequential_interval(const SequentialDesign *design, const double *a, const double *b,
                         SequentialComparison *comparison) {
  if (!isnan(comparison->interval.low)) return;
  comparison->interval =
      bootstrap_paired_ratio(b, a, comparison->pairs, comparison->confidence, design->seed);
}

void sequential_look(const SequentialDesign *design, const double *a, const double *b, size_t count,
                     bool last, SequentialComparison *comparison) {
  if (comparison->decided || count == 0) return;
  double level = level_of(design, comparison->spent, count, last);
  comparison->pairs = count;
  comparison->spent += level;
  comparison->level = level;
  comparison->p = test(a, b, count);
  comparison->ratio = sample_median(b, count) / sample_median(a, count);
  comparison->interval = (Interval){NAN, NAN};
  comparison->confidence = 1 - (level > 0.0 ? level : design->alpha);
  if (!wants_interval(design, comparison)) return;
  sequential_interval(design, a, b, comparison);
  comparison->verdict = judge(design, comparison);
  comparison->negligible = comparison->interval.low > 1 - design->least_effect &&
                           comparison->interval.high < 1 + design->least_effect;
  comparison->decided = comparison->verdict != VERDICT_CANNOT_TELL || comparison->negligible;
}
