// SPDX-License-Identifier: Apache-2.0
// Random operands of an AttentionProblem and poisoned room for what is computed from them, every
// array up against a guard page.
#pragma once
#include "../kernels/guarded.h"
#include "attention/problem.h"

typedef struct {
  AttentionProblem problem;
  AttentionOperands operands;
  Tensor dout;
  AttentionResult result;
  AttentionGradients gradients;
  Guarded memory[9];
} Case;

// `interleaved`: all tensors are [B, S, H, D] seen as [B, H, S, D]; otherwise dense. Elements are
// normal with deviation 1, rounded to the dtype. problem.mod stays what it is.
Case case_make(const AttentionProblem *problem, bool interleaved, Random *random);
// NaN into out, lse and the gradients.
void case_poison(Case *c);
void case_free(Case *c);
// "float32 B 2 H 4/2 M 17 N 33 D 64", into a buffer of the caller's.
char *case_text(const AttentionProblem *problem, char *buffer, size_t size);
