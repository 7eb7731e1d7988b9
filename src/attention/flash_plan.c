// SPDX-License-Identifier: Apache-2.0
#include "attention/flash_plan.h"

static bool decodes(const AttentionProblem *problem) {
  return problem->queries == 1;
}

static int64_t forward_bytes(const AttentionProblem *problem, const ScoreStage *stage,
                             int threads) {
  int64_t bytes = decodes(problem) ? flash_decode_bytes(problem, stage, threads)
                                   : flash_forward_bytes(problem, stage, threads);
  return (bytes + MATRIX_ALIGNMENT - 1) / MATRIX_ALIGNMENT * MATRIX_ALIGNMENT;
}

int64_t flash_plan_bytes(const AttentionProblem *problem, const ScoreStage *stage, FlashOrder order,
                         bool backward, const Kernels *kernels, int threads) {
  int64_t bytes = forward_bytes(problem, stage, threads);
  return backward ? bytes + flash_backward_bytes(problem, stage, order, kernels, threads) : bytes;
}

bool flash_plan_start(FlashPlan *plan, const ScoreStage *stage, FlashOrder order, bool backward,
                      Error *error) {
  const AttentionProblem *problem = &plan->plan.problem;
  const Kernels *kernels = plan->plan.kernels;
  Team *team = plan->plan.team;
  int64_t bytes = flash_plan_bytes(problem, stage, order, backward, kernels, team_size(team));
  if (!region_map(&plan->memory, (size_t)bytes, error)) return false;
  char *memory = plan->memory.data;
  if (decodes(problem))
    flash_decode_start(&plan->decode, problem, stage, kernels, team, memory);
  else
    flash_forward_start(&plan->forward, problem, stage, kernels, team, memory);
  memory += forward_bytes(problem, stage, team_size(team));
  if (backward) flash_backward_start(&plan->backward, problem, stage, order, kernels, team, memory);
  return true;
}

void flash_plan_end(FlashPlan *plan) {
  region_unmap(&plan->memory);
}

void flash_plan_forward(AttentionPlan *plan, const AttentionOperands *operands,
                        const AttentionResult *result) {
  FlashPlan *flash = (FlashPlan *)plan;
  if (decodes(&plan->problem))
    flash_decode_run(&flash->decode, operands, result);
  else
    flash_forward_run(&flash->forward, operands, result);
}

void flash_plan_backward(AttentionPlan *plan, const AttentionOperands *operands,
                         const AttentionResult *result, const Tensor *dout,
                         const AttentionGradients *gradients) {
  flash_backward_run(&((FlashPlan *)plan)->backward, operands, result, dout, gradients);
}
