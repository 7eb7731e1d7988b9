// SPDX-License-Identifier: Apache-2.0
// A pass of a model as the tiled kernels see it: inputs of an operator that are queries, keys,
// values and past (attention/attention.h), as an AttentionProblem with its operands.
#pragma once
#include "attention/problem.h"
#include "attention/score_stage.h"
#include "kernels/ops.h"

typedef struct {
  AttentionProblem problem; // without a mod
  AttentionOperands operands;
  AttentionResult result; // lse is NULL
  const int64_t *past;    // [batch]
} AttentionPass;

// The `infer` of such an operator: [batch * M, heads * D].
CHECKED bool attention_pass_infer(const Tensor *inputs, int count, Tensor *output, Error *error);
AttentionProblem attention_pass_problem(const Tensor *inputs, double scale);
AttentionPass attention_pass_of(const Tensor *inputs, double scale, const Tensor *output);
// Runs the flash kernels under this stage; one query per sequence splits its keys over the threads.
void attention_pass_flash(const OperatorContext *context, const AttentionPass *pass,
                          const ScoreStage *stage);
// One thread's part of a pass of one query per sequence, in memory of flash_decode_bytes that the
// threads share.
void attention_pass_decode_part(const OperatorPart *part, const AttentionPass *pass,
                                const ScoreStage *stage, void *memory);
