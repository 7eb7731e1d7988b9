// SPDX-License-Identifier: Apache-2.0
#include "statistics/comparison.h"
#include "statistics/bootstrap.h"

enum { LEAST_COUNT = 3 };

static Verdict judge(Interval ci95, bool less_is_better, double least_effect) {
  bool below = ci95.high<1 - least_effect, above = ci95.low> 1 + least_effect;
  if (!below && !above) return VERDICT_CANNOT_TELL;
  return below == less_is_better ? VERDICT_BETTER : VERDICT_WORSE;
}

Comparison comparison_make(const double *base, size_t base_count, const double *candidate,
                           size_t candidate_count, bool less_is_better, double least_effect,
                           uint64_t seed) {
  Comparison comparison = {
      .ratio = sample_median(candidate, candidate_count) / sample_median(base, base_count),
      .ci95 = bootstrap_ratio(candidate, candidate_count, base, base_count, seed),
  };
  if (base_count >= LEAST_COUNT && candidate_count >= LEAST_COUNT)
    comparison.verdict = judge(comparison.ci95, less_is_better, least_effect);
  return comparison;
}

const char *verdict_text(Verdict verdict) {
  static const char *const texts[] = {"cannot tell", "better", "worse"};
  return texts[verdict];
}
