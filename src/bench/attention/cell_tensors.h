// SPDX-License-Identifier: Apache-2.0
// The tensors of one cell, in one piece of memory: allocated [B, S, H, D] and seen as [B, H, S, D],
// as the peer has them.
#pragma once
#include "attention/problem.h"
#include "base/memory.h"
#include "bench/attention/sample_plan.h"
#include "device/team.h"

typedef struct {
  AttentionOperands operands;
  Tensor dout;
  AttentionResult result;
  AttentionGradients gradients;
  Region memory;
} CellTensors;

int64_t cell_tensors_bytes(const AttentionProblem *problem, bool backward); // INT64_MAX: more
// `backward`: with dout and the gradients.
CHECKED bool cell_tensors_open(const AttentionProblem *problem, bool backward, CellTensors *tensors,
                               Error *error);
void cell_tensors_close(CellTensors *tensors); // a zero one is fine

// What is timed: q, k, v uniform in [0, 1) with seed 0, as the peer draws them; dout uniform in
// [-1, 1).
void cell_tensors_fill_timed(CellTensors *tensors, Team *team);
// What is checked: all normal, so that gradients do not vanish against the rounding of their terms;
// dout zero outside the rows of the plan.
void cell_tensors_fill_checked(CellTensors *tensors, const SamplePlan *plan, Team *team);
// NaN in every result and gradient: what a back end does not write is seen.
void cell_tensors_poison(CellTensors *tensors, Team *team);
