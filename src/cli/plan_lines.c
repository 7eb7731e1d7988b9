// SPDX-License-Identifier: Apache-2.0
#include "cli/plan_lines.h"
#include "base/progress.h"
#include <string.h>

void plan_lines_counts(const PlanTotals *totals, Text *line) {
  static const char *const words[FATE_COUNT] = {"to run", "kept", "skipped", "refused"};
  size_t count = 0;
  for (int i = 0; i < FATE_COUNT; i++) count += totals->counts[i];
  text_append_format(line, "%zu scenario%s: %zu to run", count, count == 1 ? "" : "s",
                     totals->counts[FATE_RUN]);
  for (int i = FATE_RUN + 1; i < FATE_COUNT; i++)
    if (totals->counts[i]) text_append_format(line, ", %zu %s", totals->counts[i], words[i]);
}

static double gibibytes(int64_t bytes) {
  return (double)bytes / (1 << 30);
}

static void append_sources(const PlanTotals *totals, const Ceilings *ceilings, Text *line) {
  size_t paper = totals->counts[FATE_RUN] - totals->earlier;
  if (paper)
    text_append_format(line, "%zu by ceilings: %.3g GB/s and %.3g GFLOP/s", paper,
                       ceilings->read_gb_per_s, ceilings->fma_gflop_per_s);
  if (totals->earlier)
    text_append_format(line, "%s%zu by earlier results", paper ? "; " : "", totals->earlier);
}

void plan_lines_cost(const PlanTotals *totals, const Ceilings *ceilings, int64_t available,
                     bool open, Text *line) {
  char duration[32];
  text_append_format(line, "%s %s beside weights, references and compiling (",
                     open ? "at least" : "about",
                     progress_duration(totals->seconds, duration, sizeof duration));
  append_sources(totals, ceilings, line);
  text_append_format(line, "), memory up to %.2f GiB", gibibytes(totals->bytes));
  if (available) text_append_format(line, " of %.1f GiB", gibibytes(available));
}

static bool is_out(const PlanItem *item) {
  return item->fate == FATE_SKIPPED || item->fate == FATE_REFUSED;
}

static bool shares(const PlanItem *a, const PlanItem *b) {
  return a->fate == b->fate && strcmp(a->reason, b->reason) == 0;
}

size_t plan_lines_same_reason(const SweepPlan *plan, size_t index) {
  const PlanItem *item = &plan->items[index];
  size_t count = 0;
  if (!is_out(item)) return 0;
  for (size_t i = 0; i < plan->count; i++) {
    if (!shares(&plan->items[i], item)) continue;
    if (i < index) return 0;
    count++;
  }
  return count;
}

void plan_outcome_add(PlanOutcome *outcome, const CostEstimate *estimate, const json_t *ours) {
  CostEstimate actual = {0};
  if (!cost_estimate_earlier(ours, &actual) || !(estimate->seconds > 0)) return;
  double ratio = actual.seconds / estimate->seconds;
  if (outcome->count == 0 || ratio < outcome->least) outcome->least = ratio;
  if (outcome->count == 0 || ratio > outcome->most) outcome->most = ratio;
  outcome->count++;
  outcome->estimated += estimate->seconds;
  outcome->actual += actual.seconds;
  if (actual.bytes == 0 || estimate->bytes == 0) return;
  double memory = (double)actual.bytes / (double)estimate->bytes;
  outcome->sized++;
  if (memory > outcome->memory_most) outcome->memory_most = memory;
}

void plan_lines_outcome(const PlanOutcome *outcome, Text *line) {
  char estimated[32], actual[32];
  text_append_format(line, "%zu measured in %s, estimated %s: %.2f times", outcome->count,
                     progress_duration(outcome->actual, actual, sizeof actual),
                     progress_duration(outcome->estimated, estimated, sizeof estimated),
                     outcome->actual / outcome->estimated);
  if (outcome->count > 1)
    text_append_format(line, " (each %.2f to %.2f)", outcome->least, outcome->most);
  if (outcome->sized)
    text_append_format(line, "; peak memory at most %.2f times the estimate", outcome->memory_most);
}
