// SPDX-License-Identifier: Apache-2.0
#include "compile/schedule.h"

// Memory that a node touches and all threads share.
typedef struct {
  uintptr_t begin, end; // of a result offsets in the plan
  bool external, written;
  RunBy by;
} Access;

typedef ARRAY_OF(Access) Accesses;

static bool is_small(const GraphNode *node) {
  Tensor inputs[OPERATOR_MAX_INPUTS];
  if (!node->op->small) return false;
  for (int i = 0; i < node->input_count; i++) inputs[i] = node->inputs[i].view;
  return node->op->small(inputs, node->attributes, &node->output.view);
}

// A result is each thread's own when every node that writes it is small and runs by parts.
static void find_own(const Graph *graph, bool *own) {
  for (size_t i = 0; i < graph->values.count; i++)
    own[i] = graph->values.items[i].kind == VALUE_RESULT;
  for (size_t i = 0; i < graph->nodes.count; i++) {
    const GraphNode *node = &graph->nodes.items[i];
    if (!node->op->part || node->also_written || !is_small(node)) own[node->output.value] = false;
    for (int j = 0; j < node->input_count; j++)
      if (node->also_written & 1u << j) own[node->inputs[j].value] = false;
  }
}

static RunBy run_by(const GraphNode *node, const bool *own) {
  if (!node->op->part) return RUN_BY_FORK;
  if (own[node->output.value]) return RUN_BY_EACH;
  return is_small(node) ? RUN_BY_FIRST : RUN_BY_PARTS;
}

// The threads meet before and after a small operator that stands by itself: it is shared all the
// same. Several in a row need no barrier between when one thread runs them.
static void share_lone_ones(const Graph *graph, RunBy *by) {
  int count = (int)graph->nodes.count;
  for (int i = 0; i < count;) {
    int end = i + 1;
    while (by[i] == RUN_BY_FIRST && end < count && by[end] == RUN_BY_FIRST) end++;
    if (by[i] == RUN_BY_FIRST && end == i + 1) by[i] = RUN_BY_PARTS;
    i = end;
  }
}

static Access access_of(const Graph *graph, const Schedule *schedule, const GraphUse *use,
                        bool written, RunBy by) {
  const GraphValue *value = &graph->values.items[use->value];
  bool external = value->kind == VALUE_EXTERNAL;
  uintptr_t begin =
      external ? (uintptr_t)value->address : (uintptr_t)schedule->plan.offset[use->value];
  return (Access){begin, begin + (uintptr_t)value->bytes, external, written, by};
}

// Whether the threads have to wait: one writes what another touches. Two small nodes of the first
// thread follow each other anyway.
static bool conflict(const Access *a, const Access *b) {
  if (!a->written && !b->written) return false;
  if (a->by == RUN_BY_FIRST && b->by == RUN_BY_FIRST) return false;
  return a->external == b->external && a->begin < b->end && b->begin < a->end;
}

static void add_accesses(const Graph *graph, const Schedule *schedule, int index, Accesses *out) {
  const GraphNode *node = &graph->nodes.items[index];
  RunBy by = schedule->by[index];
  for (int i = 0; i < node->input_count; i++) {
    if (schedule->own[node->inputs[i].value]) continue;
    bool written = graph_writes(node, node->inputs[i].value);
    Access access = access_of(graph, schedule, &node->inputs[i], written, by);
    ARRAY_APPEND(out, access);
  }
  if (schedule->own[node->output.value]) return;
  Access write = access_of(graph, schedule, &node->output, true, by);
  ARRAY_APPEND(out, write);
}

// The scratch of operators by parts is one memory, which the next one may not take before all
// threads have left the last.
static bool uses_scratch(const GraphNode *node, RunBy by) {
  return by == RUN_BY_PARTS && node->op->scratch_bytes;
}

static bool any_conflict(const Accesses *before, const Accesses *now) {
  for (size_t i = 0; i < before->count; i++)
    for (size_t j = 0; j < now->count; j++)
      if (conflict(&before->items[i], &now->items[j])) return true;
  return false;
}

static void place_barriers(const Graph *graph, Schedule *schedule) {
  Accesses before = {0}, now = {0};
  bool scratch_taken = false;
  for (int i = 0; i < (int)graph->nodes.count; i++) {
    bool fork = schedule->by[i] == RUN_BY_FORK;
    bool scratch = uses_scratch(&graph->nodes.items[i], schedule->by[i]);
    now.count = 0;
    add_accesses(graph, schedule, i, &now);
    schedule->barrier[i] = !fork && (any_conflict(&before, &now) || (scratch && scratch_taken));
    if (fork || schedule->barrier[i]) {
      before.count = 0;
      scratch_taken = false;
    }
    scratch_taken = scratch_taken || scratch;
    for (size_t j = 0; !fork && j < now.count; j++) ARRAY_APPEND(&before, now.items[j]);
  }
  ARRAY_FREE(&before);
  ARRAY_FREE(&now);
}

// Two plans in one table: own results in a block of each thread, the others in the common one.
static void make_plans(const Graph *graph, Schedule *schedule) {
  MemoryPlan own;
  bool *common = memory_allocate(graph->values.count + 1);
  for (size_t i = 0; i < graph->values.count; i++) common[i] = !schedule->own[i];
  memory_plan_make(graph, schedule->own, &own);
  memory_plan_make(graph, common, &schedule->plan);
  schedule->own_plan = own;
  memory_free(common);
}

void schedule_make(const Graph *graph, Schedule *schedule) {
  *schedule = (Schedule){.by = memory_allocate((graph->nodes.count + 1) * sizeof *schedule->by),
                         .barrier = memory_allocate(graph->nodes.count + 1),
                         .own = memory_allocate(graph->values.count + 1)};
  find_own(graph, schedule->own);
  for (size_t i = 0; i < graph->nodes.count; i++)
    schedule->by[i] = run_by(&graph->nodes.items[i], schedule->own);
  share_lone_ones(graph, schedule->by);
  make_plans(graph, schedule);
  place_barriers(graph, schedule);
}

void schedule_free(Schedule *schedule) {
  memory_free(schedule->by);
  memory_free(schedule->barrier);
  memory_free(schedule->own);
  memory_plan_free(&schedule->plan);
  memory_plan_free(&schedule->own_plan);
}
