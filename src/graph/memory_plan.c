// SPDX-License-Identifier: Apache-2.0
#include "graph/memory_plan.h"
#include <stdlib.h>

enum { ALIGNMENT = 64 };

typedef struct {
  int value, first, last; // nodes between which it lives
  int64_t bytes, offset;
} Life;

typedef ARRAY_OF(Life) Lives;

static void live_until(Life *lives, const GraphUse *use, int node) {
  if (lives[use->value].last < node) lives[use->value].last = node;
}

// Lives of all values by their index; first is -1 for those that are no result.
static Life *find_lives(const Graph *graph) {
  Life *lives = memory_allocate((graph->values.count + 1) * sizeof *lives);
  for (size_t i = 0; i < graph->values.count; i++) {
    const GraphValue *value = &graph->values.items[i];
    int first = value->kind == VALUE_RESULT ? value->node : -1;
    lives[i] = (Life){(int)i, first, -1, value->bytes, -1};
  }
  for (size_t i = 0; i < graph->nodes.count; i++) {
    const GraphNode *node = &graph->nodes.items[i];
    live_until(lives, &node->output, (int)i);
    for (int j = 0; j < node->input_count; j++) live_until(lives, &node->inputs[j], (int)i);
  }
  for (size_t i = 0; i < graph->outputs.count; i++)
    live_until(lives, &graph->outputs.items[i], (int)graph->nodes.count);
  return lives;
}

static int by_size(const void *a, const void *b) {
  const Life *x = a, *y = b;
  if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
  return x->value - y->value;
}

static bool together(const Life *a, const Life *b) {
  return a->first <= b->last && b->first <= a->last;
}

// The lowest offset at which no placed life that overlaps in time is in the way.
static int64_t find_offset(const Lives *placed, const Life *life) {
  int64_t offset = 0;
  for (bool moved = true; moved;) {
    moved = false;
    for (size_t i = 0; i < placed->count; i++) {
      const Life *other = &placed->items[i];
      if (!together(other, life)) continue;
      if (offset + life->bytes <= other->offset || other->offset + other->bytes <= offset) continue;
      offset = other->offset + other->bytes;
      moved = true;
    }
  }
  return offset;
}

void memory_plan_make(const Graph *graph, const bool *chosen, MemoryPlan *plan) {
  Life *lives = find_lives(graph);
  Lives results = {0}, placed = {0};
  *plan = (MemoryPlan){.offset = memory_allocate((graph->values.count + 1) * sizeof *plan->offset)};
  for (size_t i = 0; i < graph->values.count; i++) {
    plan->offset[i] = -1;
    if (lives[i].first < 0 || (chosen && !chosen[i])) continue;
    lives[i].bytes = (lives[i].bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    ARRAY_APPEND(&results, lives[i]);
  }
  if (results.count) qsort(results.items, results.count, sizeof *results.items, by_size);
  for (size_t i = 0; i < results.count; i++) {
    Life life = results.items[i];
    life.offset = find_offset(&placed, &life);
    plan->offset[life.value] = life.offset;
    plan->unshared += life.bytes;
    if (life.offset + life.bytes > plan->bytes) plan->bytes = life.offset + life.bytes;
    ARRAY_APPEND(&placed, life);
  }
  ARRAY_FREE(&results);
  ARRAY_FREE(&placed);
  memory_free(lives);
}

void memory_plan_free(MemoryPlan *plan) {
  memory_free(plan->offset);
  *plan = (MemoryPlan){0};
}
