// SPDX-License-Identifier: Apache-2.0
// What a plan of the tiled back ends has in common, whatever its stage: memory, the forward pass
// (one query per sequence decodes), the backward pass.
#pragma once
#include "attention/backend.h"
#include "attention/flash_backward.h"
#include "attention/flash_decode.h"
#include "attention/flash_forward.h"
#include "base/memory.h"

typedef struct {
  AttentionPlan plan; // first: of the back end
  Region memory;
  union {
    FlashForward forward; // of several queries
    FlashDecode decode;   // of one
  };
  FlashBackward backward;
} FlashPlan;

// What start takes. Of the stage, the blocks, the extents and the scratch are looked at.
int64_t flash_plan_bytes(const AttentionProblem *problem, const ScoreStage *stage, FlashOrder order,
                         bool backward, const Kernels *kernels, int threads);
// plan->plan is set; the stage outlives it.
CHECKED bool flash_plan_start(FlashPlan *plan, const ScoreStage *stage, FlashOrder order,
                              bool backward, Error *error);
void flash_plan_end(FlashPlan *plan); // also of one that was not started
// Entries of the back ends' tables.
void flash_plan_forward(AttentionPlan *plan, const AttentionOperands *operands,
                        const AttentionResult *result);
void flash_plan_backward(AttentionPlan *plan, const AttentionOperands *operands,
                         const AttentionResult *result, const Tensor *dout,
                         const AttentionGradients *gradients);
