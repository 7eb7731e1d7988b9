// SPDX-License-Identifier: Apache-2.0
// FlexAttention (Dong et al. 2024, arXiv:2412.05496): any score_mod and mask_mod in the tiled
// kernels. A block mask is made once: empty blocks are skipped, full ones get score_mod alone,
// partial ones the mask too. What stands between scores and softmax is a ScoreStage, which
// choose_stage picks: the interpreter's here.
#include "attention/flash_plan.h"
#include "attention/interpreted_stage.h"

enum { BLOCK = 128 }; // as in FlexAttention, so that sparsities compare

typedef struct {
  FlashPlan flash;               // first: it begins with the AttentionPlan
  InterpretedStage *interpreted; // holds the block mask, whatever the stage
} FlexPlan;

static bool flex_supports(const AttentionProblem *problem, bool backward, Error *error) {
  (void)problem, (void)backward, (void)error;
  return true;
}

static int64_t flex_bytes(const AttentionProblem *problem, bool backward, int threads) {
  ScoreStage sizes = interpreted_stage_sizes(problem, BLOCK, BLOCK);
  int64_t mask = interpreted_stage_bytes(problem, BLOCK, BLOCK);
  int64_t rest = flash_plan_bytes(problem, &sizes, FLASH_OVER_KEYS, backward,
                                  kernels_for(cpu_best_tier()), threads);
  return mask > INT64_MAX - rest ? INT64_MAX : mask + rest;
}

// The one place that knows which stages there are.
static const ScoreStage *choose_stage(const FlexPlan *flex) {
  return &flex->interpreted->stage;
}

static void flex_release(AttentionPlan *plan) {
  FlexPlan *flex = (FlexPlan *)plan;
  flash_plan_end(&flex->flash);
  interpreted_stage_close(flex->interpreted);
  memory_free(flex);
}

static AttentionPlan *flex_prepare(const AttentionProblem *problem, bool backward,
                                   const Kernels *kernels, Team *team, Error *error) {
  FlexPlan *flex = memory_allocate(sizeof *flex);
  AttentionPlan *plan = &flex->flash.plan;
  *plan = (AttentionPlan){&backend_flex, *problem, kernels, team};
  flex->interpreted = interpreted_stage_open(problem, BLOCK, BLOCK, kernels->tier, team, error);
  if (flex->interpreted &&
      flash_plan_start(&flex->flash, choose_stage(flex), FLASH_OVER_KEYS, backward, error))
    return plan;
  flex_release(plan);
  return NULL;
}

static AttentionMaskFacts flex_mask(const AttentionPlan *plan) {
  const InterpretedStage *interpreted = ((const FlexPlan *)plan)->interpreted;
  const BlockMask *mask = interpreted->mask;
  const AttentionProblem *problem = &plan->problem;
  int64_t same = problem->batch / mask->batches * (problem->heads / mask->heads);
  double all = (double)(mask->full + mask->partial + mask->empty);
  return (AttentionMaskFacts){.present = true,
                              .block_rows = mask->block_rows,
                              .block_columns = mask->block_columns,
                              .full = mask->full * same,
                              .partial = mask->partial * same,
                              .empty = mask->empty * same,
                              .sparsity = (double)mask->empty / all,
                              .build_ns = interpreted->build_ns};
}

const AttentionBackend backend_flex = {.name = "flex",
                                       .supports = flex_supports,
                                       .bytes = flex_bytes,
                                       .prepare = flex_prepare,
                                       .release = flex_release,
                                       .forward = flash_plan_forward,
                                       .backward = flash_plan_backward,
                                       .mask = flex_mask};
