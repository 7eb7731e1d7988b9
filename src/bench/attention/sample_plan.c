// SPDX-License-Identifier: Apache-2.0
#include "bench/attention/sample_plan.h"
#include "base/memory.h"
#include "base/random.h"
#include <stdlib.h>

enum { MOST_GROUPS = 4, LEAST_ROWS = 8 };

// What one row of one head costs: products, the mod at each key, and what is stored.
static double row_work(const AttentionProblem *problem, bool backward) {
  double products = backward ? 12 : 4, mod = problem->mod ? 300 : 30;
  double width = (double)problem->head_dim;
  return (double)problem->keys * (products * width + mod) + 100 * width;
}

static int compare(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

static bool holds(const int64_t *items, int64_t count, int64_t item) {
  for (int64_t i = 0; i < count; i++)
    if (items[i] == item) return true;
  return false;
}

// `count` different ones of `all`, the first and the last among them.
static int64_t *draw(int64_t count, int64_t all, Random *random) {
  int64_t *items = memory_allocate((size_t)count * sizeof *items);
  for (int64_t i = 0; i < count; i++) {
    if (count == all) {
      items[i] = i;
      continue;
    }
    int64_t item = i == 0 ? 0 : all - 1;
    while (i > 1 && holds(items, i, item)) item = (int64_t)random_below(random, (uint64_t)all);
    items[i] = item;
  }
  qsort(items, (size_t)count, sizeof *items, compare);
  return items;
}

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

SamplePlan sample_plan_make(const AttentionProblem *problem, bool backward, double work,
                            uint64_t seed) {
  Random random = random_seeded(seed);
  int64_t groups = problem->batch * problem->kv_heads, rows = problem->queries;
  int64_t group_heads = problem->heads / problem->kv_heads;
  double row = row_work(problem, backward) * (double)group_heads;
  bool full = row * (double)rows * (double)groups <= work;
  int64_t group_count = full ? groups : least(groups, MOST_GROUPS);
  double affordable = work / row / (double)group_count;
  int64_t wanted = affordable < LEAST_ROWS ? LEAST_ROWS
                   : affordable > 1e6      ? 1000000
                                           : (int64_t)affordable;
  // Drawn rows are looked for one by one: a few hundred are enough.
  int64_t row_count = full ? rows : least(rows, wanted > 512 && wanted < rows ? 512 : wanted);
  return (SamplePlan){
      .group_count = group_count,
      .groups = draw(group_count, groups, &random),
      .row_count = row_count,
      .rows = draw(row_count, rows, &random),
      .full = group_count == groups && row_count == rows,
  };
}

void sample_plan_free(SamplePlan *plan) {
  memory_free(plan->groups);
  memory_free(plan->rows);
  *plan = (SamplePlan){0};
}

bool sample_plan_has_row(const SamplePlan *plan, int64_t query) {
  return plan->full || bsearch(&query, plan->rows, (size_t)plan->row_count, sizeof query, compare);
}
