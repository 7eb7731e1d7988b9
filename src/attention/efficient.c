// SPDX-License-Identifier: Apache-2.0
// Memory-efficient attention (Rabe & Staats 2021, arXiv:2112.05682): chunks of queries against
// chunks of keys; in the backward pass a chunk of queries keeps its gradient while the keys go by.
// Any mod: a stage of its own where the kernels have one, else the interpreter's.
#include "attention/backend.h"
#include "attention/chunked_forward.h"
#include "attention/flash_backward.h"
#include "attention/interpreted_stage.h"
#include "attention/native_mod.h"

enum { BLOCK_KEYS = 32 }; // of the stages: masks are trimmed this closely

typedef struct {
  AttentionPlan plan;
  NativeMod *native; // one of the two
  InterpretedStage *interpreted;
  Region memory;
  ChunkedForward forward;
  FlashBackward backward;
} EfficientPlan;

static bool efficient_supports(const AttentionProblem *problem, bool backward, Error *error) {
  (void)problem, (void)backward, (void)error;
  return true;
}

static int64_t run_bytes(const AttentionProblem *problem, const ScoreStage *stage, bool backward,
                         const Kernels *kernels, int threads) {
  int64_t bytes = chunked_forward_bytes(problem, stage->scratch_bytes, threads);
  if (!backward) return bytes;
  return bytes + flash_backward_bytes(problem, stage, FLASH_OVER_QUERIES, kernels, threads);
}

static int64_t efficient_bytes(const AttentionProblem *problem, bool backward, int threads) {
  ScoreStage sizes = interpreted_stage_sizes(problem, CHUNKED_ROWS, BLOCK_KEYS);
  int64_t native = native_mod_bytes(problem);
  int64_t interpreted = interpreted_stage_bytes(problem, CHUNKED_ROWS, BLOCK_KEYS);
  return attention_bytes_add(
      native > interpreted ? native : interpreted,
      run_bytes(problem, &sizes, backward, kernels_for(cpu_best_tier()), threads));
}

static void efficient_release(AttentionPlan *plan) {
  EfficientPlan *efficient = (EfficientPlan *)plan;
  region_unmap(&efficient->memory);
  native_mod_close(efficient->native);
  interpreted_stage_close(efficient->interpreted);
  memory_free(efficient);
}

// NULL: neither can be opened.
static const ScoreStage *open_stage(EfficientPlan *efficient, Error *error) {
  const AttentionProblem *problem = &efficient->plan.problem;
  const Kernels *kernels = efficient->plan.kernels;
  Team *team = efficient->plan.team;
  Error refused = {0};
  if (native_mod_supports(problem, &refused))
    efficient->native = native_mod_open(problem, CHUNKED_ROWS, BLOCK_KEYS, kernels, team, &refused);
  if (efficient->native) return &efficient->native->native.stage;
  efficient->interpreted =
      interpreted_stage_open(problem, CHUNKED_ROWS, BLOCK_KEYS, kernels->tier, team, error);
  return efficient->interpreted ? &efficient->interpreted->stage : NULL;
}

static AttentionPlan *efficient_prepare(const AttentionProblem *problem, bool backward,
                                        const AttentionSetup *setup, Error *error) {
  const Kernels *kernels = setup->kernels;
  Team *team = setup->team;
  EfficientPlan *efficient = memory_allocate(sizeof *efficient);
  AttentionPlan *plan = &efficient->plan;
  *plan = (AttentionPlan){&backend_efficient, *problem, kernels, team};
  const ScoreStage *stage = open_stage(efficient, error);
  int64_t bytes = stage ? run_bytes(problem, stage, backward, kernels, team_size(team)) : 0;
  if (!stage || !region_map(&efficient->memory, (size_t)bytes, error)) {
    efficient_release(plan);
    return NULL;
  }
  char *memory = efficient->memory.data;
  chunked_forward_start(&efficient->forward, &plan->problem, stage, kernels, team, memory);
  memory += chunked_forward_bytes(problem, stage->scratch_bytes, team_size(team));
  if (backward)
    flash_backward_start(&efficient->backward, &plan->problem, stage, FLASH_OVER_QUERIES, kernels,
                         team, memory);
  return plan;
}

static void efficient_forward(AttentionPlan *plan, const AttentionOperands *operands,
                              const AttentionResult *result) {
  chunked_forward_run(&((EfficientPlan *)plan)->forward, operands, result);
}

static void efficient_backward(AttentionPlan *plan, const AttentionOperands *operands,
                               const AttentionResult *result, const Tensor *dout,
                               const AttentionGradients *gradients) {
  flash_backward_run(&((EfficientPlan *)plan)->backward, operands, result, dout, gradients);
}

const AttentionBackend backend_efficient = {.name = "efficient",
                                            .supports = efficient_supports,
                                            .bytes = efficient_bytes,
                                            .prepare = efficient_prepare,
                                            .release = efficient_release,
                                            .forward = efficient_forward,
                                            .backward = efficient_backward};
