// SPDX-License-Identifier: Apache-2.0
// What a sweep is about to do, known before it begins: which scenarios run, which do not and why,
// in what order, and what each should cost.
#pragma once
#include "bench/generation/cost_estimate.h"
#include "bench/generation/feasibility.h"
#include "bench/scenario_matrix.h"

typedef enum {
  FATE_RUN,
  FATE_KEPT,    // a resumed file has its result
  FATE_SKIPPED, // not in this build or on this machine
  FATE_REFUSED, // the model has no positions for it, or the machine no memory
  FATE_COUNT
} PlanFate;

typedef struct {
  PlanFate fate;
  char reason[240]; // of what is skipped or refused
  CostEstimate estimate;
} PlanItem;

typedef struct {
  PlanItem *items; // one for each cell of the matrix, in its order
  size_t count;
} SweepPlan;

typedef struct {
  CostFacts cost;
  Feasibility feasibility; // as it is expected to be
  const json_t *earlier;   // `attometer` parts of earlier results by hash; NULL: none
} PlanFacts;

typedef enum { ORDER_LISTED, ORDER_LARGEST_FIRST, ORDER_SHUFFLED } SweepOrder;

typedef struct {
  size_t counts[FATE_COUNT];
  size_t earlier; // of what runs, estimated from earlier results
  double seconds; // of what runs
  int64_t bytes;  // the most that one of them needs
} PlanTotals;

// facts NULL: the model is not known; nothing is estimated or refused.
CHECKED bool sweep_plan_make(const PlanFacts *facts, const ScenarioMatrix *matrix, SweepPlan *plan,
                             Error *error);
void sweep_plan_free(SweepPlan *plan); // a zero one is fine
// Puts cells and items into the order. Scenarios of one dtype stay together, as they share weights
// that are made once. Largest first: by memory, then by time.
void sweep_plan_order(SweepPlan *plan, ScenarioMatrix *matrix, SweepOrder order, uint64_t seed);
PlanTotals sweep_plan_totals(const SweepPlan *plan);
bool sweep_order_by_name(const char *name, SweepOrder *order); // "listed|largest-first|shuffled"
const char *plan_fate_name(PlanFate fate); // "run", "kept", "skipped", "refused"
