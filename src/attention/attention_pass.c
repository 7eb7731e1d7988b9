// SPDX-License-Identifier: Apache-2.0
#include "attention/attention_pass.h"
#include "attention/flash_decode.h"
#include "attention/flash_forward.h"
#include "kernels/operators/rows.h"

bool attention_pass_infer(const Tensor *inputs, int count, Tensor *output, Error *error) {
  const Tensor *q = &inputs[0], *k = &inputs[1];
  if (!rows_check_count(count, 4, 4, error) ||
      !rows_check_shape(q, "queries", 4, (int64_t[]){-1, -1, -1, -1}, error) ||
      !rows_check_float(q, "queries", error) ||
      !rows_check_shape(k, "keys", 4, (int64_t[]){q->shape[0], -1, -1, q->shape[3]}, error) ||
      !rows_check_shape(&inputs[2], "values", 4, k->shape, error) ||
      !rows_check_shape(&inputs[3], "past", 1, q->shape, error))
    return false;
  int64_t shape[2] = {q->shape[0] * q->shape[2], q->shape[1] * q->shape[3]};
  *output = tensor_dense(DTYPE_F32, 2, shape, NULL);
  return true;
}

// [batch * M, heads * D] seen as [batch, heads, M, D].
static Tensor by_head(const Tensor *output, const Tensor *q) {
  int64_t m = q->shape[2], d = q->shape[3], row = output->stride[0];
  return (Tensor){.dtype = output->dtype,
                  .rank = 4,
                  .shape = {q->shape[0], q->shape[1], m, d},
                  .stride = {m * row, d, row, 1},
                  .data = output->data};
}

AttentionProblem attention_pass_problem(const Tensor *inputs, double scale) {
  const Tensor *q = &inputs[0], *k = &inputs[1];
  return (AttentionProblem){.batch = q->shape[0],
                            .heads = q->shape[1],
                            .kv_heads = k->shape[1],
                            .queries = q->shape[2],
                            .keys = k->shape[2],
                            .head_dim = q->shape[3],
                            .scale = scale,
                            .dtype = k->dtype};
}

AttentionPass attention_pass_of(const Tensor *inputs, double scale, const Tensor *output) {
  return (AttentionPass){.problem = attention_pass_problem(inputs, scale),
                         .operands = {inputs[0], inputs[1], inputs[2]},
                         .result = {.out = by_head(output, &inputs[0])},
                         .past = rows_past(&inputs[3])};
}

static void run_decode(const OperatorContext *context, const AttentionPass *pass,
                       const ScoreStage *stage) {
  FlashDecode decode;
  int64_t bytes = flash_decode_bytes(&pass->problem, stage, team_size(context->team));
  flash_decode_start(&decode, &pass->problem, stage, context->kernels, context->team,
                     arena_take(context->scratch, (size_t)bytes));
  flash_decode_run(&decode, &pass->operands, &pass->result);
}

static void run_forward(const OperatorContext *context, const AttentionPass *pass,
                        const ScoreStage *stage) {
  FlashForward forward;
  int64_t bytes = flash_forward_bytes(&pass->problem, stage, team_size(context->team));
  flash_forward_start(&forward, &pass->problem, stage, context->kernels, context->team,
                      arena_take(context->scratch, (size_t)bytes));
  flash_forward_run(&forward, &pass->operands, &pass->result);
}

void attention_pass_flash(const OperatorContext *context, const AttentionPass *pass,
                          const ScoreStage *stage) {
  (pass->problem.queries == 1 ? run_decode : run_forward)(context, pass, stage);
}

void attention_pass_decode_part(const OperatorPart *part, const AttentionPass *pass,
                                const ScoreStage *stage, void *memory) {
  FlashDecode decode;
  flash_decode_start(&decode, &pass->problem, stage, part->kernels, part->team, memory);
  flash_decode_run_part(&decode, &pass->operands, &pass->result, part->thread, part->threads);
}
