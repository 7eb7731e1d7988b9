// SPDX-License-Identifier: Apache-2.0
// What happens to whole rows of scores (every key of a query) between the products, in the back
// ends that hold them (og-eager, math): one function for each step. Rows are those of queries
// [query, query + rows) of one head, row r at r * stride, [N] long.
#pragma once
#include "attention/problem.h"
#include "mods/interpret.h"

typedef struct {
  const AttentionProblem *problem;
  const Kernels *kernels;
  ModInterpreter *interpreter;  // NULL: no mod
  bool scored, masked, derived; // whether the mod has a score_mod, a mask_mod, a derivative
} ScoreSteps;

typedef struct {
  int64_t batch, head, query, rows, stride;
} ScoreRows;

CHECKED bool score_steps_open(ScoreSteps *steps, const AttentionProblem *problem,
                              const Kernels *kernels, Error *error);
void score_steps_close(ScoreSteps *steps);
int64_t score_steps_scratch_bytes(const ScoreSteps *steps); // of one thread, a multiple of 64

void score_rows_scale(const ScoreSteps *steps, const ScoreRows *rows, float *scores);
// score_mod in place, where there is one.
void score_rows_modify(const ScoreSteps *steps, const ScoreRows *rows, float *scores,
                       void *scratch);
// -infinity where the mask is false.
void score_rows_mask(const ScoreSteps *steps, const ScoreRows *rows, float *scores, void *scratch);
// scores = softmax(scores); lse [rows] or NULL. A row that sees nothing becomes 0, its lse
// -infinity.
void score_rows_softmax(const ScoreSteps *steps, const ScoreRows *rows, float *scores, float *lse);
// products (dout vᵀ) = p (products - rowsum(p products)): the gradient of the modified scores.
void score_rows_gradients(const ScoreSteps *steps, const ScoreRows *rows, const float *p,
                          float *products);
// gradients *= d score_mod / d score at the scaled scores `raw`; 0 where p is.
void score_rows_derive(const ScoreSteps *steps, const ScoreRows *rows, const float *raw,
                       const float *p, float *gradients, void *scratch);
