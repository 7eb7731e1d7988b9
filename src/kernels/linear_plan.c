// SPDX-License-Identifier: Apache-2.0
#include "kernels/linear_plan.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { KIB = 1024, LEAST_SLIVER = 4 * KIB, LEAST_ROWS = 16, LEAST_WIDTH = 64, MOST = 1 << 16 };

static const char *const cuts[] = {"balanced", "by columns", "by rows"};
enum { CUTS = sizeof cuts / sizeof *cuts };

// Measured at 512 rows: a sliver that the first-level cache does not hold costs less than more
// passes over y. 16-bit weights are widened as they are streamed, which pays for few tiles.
static const LinearPlan standard[] = {
    [DTYPE_F32] = {48 * KIB, 256, 512, 1, 0, LINEAR_BALANCED, 0, 0, NULL},
    [DTYPE_BF16] = {48 * KIB, 256, 512, 3, 0, LINEAR_BALANCED, 0, 0, NULL},
    [DTYPE_F16] = {48 * KIB, 256, 512, 0, 0, LINEAR_BALANCED, 0, 0, NULL},
};

const LinearPlan *linear_plan_standard(Dtype dtype) {
  return &standard[dtype];
}

static bool within(int64_t value, int64_t least, int64_t most) {
  return value >= least && value <= most;
}

bool linear_plan_valid(const LinearPlan *plan) {
  return within(plan->sliver_bytes, LEAST_SLIVER, LINEAR_MOST_SLIVER) &&
         plan->sliver_bytes % KIB == 0 && within(plan->block_rows, LEAST_ROWS, LINEAR_CHUNK_ROWS) &&
         within(plan->block_width, LEAST_WIDTH, MOST) && within(plan->streamed_tiles, 0, MOST) &&
         within(plan->threads, 0, MOST) && within(plan->cut, 0, CUTS - 1);
}

bool linear_plan_serves(const LinearPlan *plan, int64_t rows) {
  if (!plan || plan->sliver_bytes == 0) return false;
  return plan->most_rows == 0 || within(rows, plan->least_rows, plan->most_rows);
}

void linear_plan_name(const LinearPlan *plan, char name[LINEAR_PLAN_NAME]) {
  snprintf(name, LINEAR_PLAN_NAME,
           "sliver %" PRId64 "K rows %" PRId64 " width %" PRId64 " stream %" PRId64
           " threads %" PRId64 " %s",
           plan->sliver_bytes / KIB, plan->block_rows, plan->block_width, plan->streamed_tiles,
           plan->threads, cuts[plan->cut]);
}

bool linear_plan_parse(const char *name, LinearPlan *plan) {
  char again[LINEAR_PLAN_NAME];
  int cut_at = 0;
  *plan = (LinearPlan){0};
  if (sscanf(name,
             "sliver %7" SCNd64 "K rows %7" SCNd64 " width %7" SCNd64 " stream %7" SCNd64
             " threads %7" SCNd64 " %n",
             &plan->sliver_bytes, &plan->block_rows, &plan->block_width, &plan->streamed_tiles,
             &plan->threads, &cut_at) != 5)
    return false;
  plan->sliver_bytes *= KIB;
  for (int i = 0; i < CUTS; i++)
    if (strcmp(name + cut_at, cuts[i]) == 0) plan->cut = i;
  if (!linear_plan_valid(plan)) return false;
  linear_plan_name(plan, again);
  return strcmp(name, again) == 0;
}
