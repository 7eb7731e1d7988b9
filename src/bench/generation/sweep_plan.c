// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/sweep_plan.h"
#include "base/random.h"
#include "bench/generation/support.h"
#include <stdlib.h>
#include <string.h>

static bool plan_cell(const PlanFacts *facts, const MatrixCell *cell, PlanItem *item,
                      Error *error) {
  const Scenario *scenario = &cell->effective;
  Error refusal;
  *item = (PlanItem){0};
  if (facts && !cost_estimate_of(&facts->cost, scenario, &item->estimate, error)) return false;
  if (facts) cost_estimate_earlier(json_object_get(facts->earlier, cell->hash), &item->estimate);
  if (support_missing(scenario, item->reason, sizeof item->reason)) {
    item->fate = FATE_SKIPPED;
  } else if (facts && !feasibility_check(&facts->feasibility, scenario, &refusal)) {
    item->fate = FATE_REFUSED;
    error_text(&refusal, item->reason, sizeof item->reason);
  }
  return true;
}

bool sweep_plan_make(const PlanFacts *facts, const ScenarioMatrix *matrix, SweepPlan *plan,
                     Error *error) {
  size_t count = matrix->cells.count;
  *plan = (SweepPlan){memory_allocate(count * sizeof *plan->items), count};
  for (size_t i = 0; i < count; i++)
    if (!plan_cell(facts, &matrix->cells.items[i], &plan->items[i], error)) {
      sweep_plan_free(plan);
      return false;
    }
  return true;
}

void sweep_plan_free(SweepPlan *plan) {
  memory_free(plan->items);
  *plan = (SweepPlan){0};
}

// One scenario while it is sorted.
typedef struct {
  MatrixCell cell;
  PlanItem item;
  size_t group, place; // of its dtype; in the list, or drawn
} Slot;

static int compare_sizes(size_t a, size_t b) {
  return (a > b) - (a < b);
}

static int by_place(const void *left, const void *right) {
  const Slot *a = left, *b = right;
  int group = compare_sizes(a->group, b->group);
  return group ? group : compare_sizes(a->place, b->place);
}

static int by_size(const void *left, const void *right) {
  const Slot *a = left, *b = right;
  int group = compare_sizes(a->group, b->group);
  if (group) return group;
  const CostEstimate *x = &a->item.estimate, *y = &b->item.estimate;
  if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
  if (x->seconds != y->seconds) return x->seconds < y->seconds ? 1 : -1;
  return by_place(left, right);
}

// Groups are numbered as their dtypes are met.
static size_t group_of(const Slot *slots, size_t index) {
  for (size_t i = 0; i < index; i++)
    if (strcmp(slots[i].cell.effective.dtype, slots[index].cell.effective.dtype) == 0)
      return slots[i].group;
  return index;
}

static void shuffle(Slot *slots, size_t count, uint64_t seed) {
  Random random = random_seeded(seed);
  for (size_t i = count; i > 1; i--) {
    size_t other = random_below(&random, i), place = slots[i - 1].place;
    slots[i - 1].place = slots[other].place;
    slots[other].place = place;
  }
}

void sweep_plan_order(SweepPlan *plan, ScenarioMatrix *matrix, SweepOrder order, uint64_t seed) {
  if (order == ORDER_LISTED || plan->count == 0) return;
  Slot *slots = memory_allocate(plan->count * sizeof *slots);
  for (size_t i = 0; i < plan->count; i++) {
    slots[i] = (Slot){.cell = matrix->cells.items[i], .item = plan->items[i], .place = i};
    slots[i].group = group_of(slots, i);
  }
  if (order == ORDER_SHUFFLED) shuffle(slots, plan->count, seed);
  qsort(slots, plan->count, sizeof *slots, order == ORDER_SHUFFLED ? by_place : by_size);
  for (size_t i = 0; i < plan->count; i++) {
    matrix->cells.items[i] = slots[i].cell;
    plan->items[i] = slots[i].item;
  }
  memory_free(slots);
}

PlanTotals sweep_plan_totals(const SweepPlan *plan) {
  PlanTotals totals = {0};
  for (size_t i = 0; i < plan->count; i++) {
    const PlanItem *item = &plan->items[i];
    totals.counts[item->fate]++;
    if (item->fate != FATE_RUN) continue;
    totals.seconds += item->estimate.seconds;
    totals.earlier += item->estimate.source == ESTIMATE_EARLIER;
    if (item->estimate.bytes > totals.bytes) totals.bytes = item->estimate.bytes;
  }
  return totals;
}

bool sweep_order_by_name(const char *name, SweepOrder *order) {
  static const char *const names[] = {"listed", "largest-first", "shuffled"};
  for (size_t i = 0; i < COUNT_OF(names); i++) {
    if (strcmp(names[i], name) != 0) continue;
    *order = (SweepOrder)i;
    return true;
  }
  return false;
}

const char *plan_fate_name(PlanFate fate) {
  static const char *const names[FATE_COUNT] = {"run", "kept", "skipped", "refused"};
  return names[fate];
}
