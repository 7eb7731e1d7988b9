// SPDX-License-Identifier: Apache-2.0
// q [batch, heads, M, D], k, v [batch, kv_heads, N, D], past [batch] → [batch * M, heads * D].
#include "attention/flex_attention.h"
#include "attention/flash_decode.h"
#include "attention/flash_forward.h"
#include "attention/position_mod.h"
#include "kernels/operators/rows.h"

enum { BLOCK = 128 };

typedef struct {
  int64_t window;
  double scale;
  PositionMod *mod;
} FlexAttributes;

static bool flex_infer(const Tensor *inputs, int count, const void *attributes, Tensor *output,
                       Error *error) {
  const FlexAttributes *flex = attributes;
  const Tensor *q = &inputs[0], *k = &inputs[1];
  if (!rows_check_count(count, 4, 4, error) ||
      !rows_check_shape(q, "queries", 4, (int64_t[]){-1, -1, -1, -1}, error) ||
      !rows_check_float(q, "queries", error) ||
      !rows_check_shape(k, "keys", 4, (int64_t[]){q->shape[0], -1, -1, q->shape[3]}, error) ||
      !rows_check_shape(&inputs[2], "values", 4, k->shape, error) ||
      !rows_check_shape(&inputs[3], "past", 1, q->shape, error) ||
      !position_mod_fits(flex->mod, q->shape[0], k->shape[2], error))
    return false;
  int64_t shape[2] = {q->shape[0] * q->shape[2], q->shape[1] * q->shape[3]};
  *output = tensor_dense(DTYPE_F32, 2, shape, NULL);
  return true;
}

static AttentionProblem problem_of(const Tensor *q, const Tensor *k, double scale) {
  return (AttentionProblem){.batch = q->shape[0],
                            .heads = q->shape[1],
                            .kv_heads = k->shape[1],
                            .queries = q->shape[2],
                            .keys = k->shape[2],
                            .head_dim = q->shape[3],
                            .scale = scale,
                            .dtype = k->dtype};
}

// [batch * M, heads * D] seen as [batch, heads, M, D].
static Tensor by_head(const Tensor *output, const AttentionProblem *problem) {
  int64_t d = problem->head_dim, m = problem->queries, row = output->stride[0];
  return (Tensor){.dtype = output->dtype,
                  .rank = 4,
                  .shape = {problem->batch, problem->heads, m, d},
                  .stride = {m * row, d, row, 1},
                  .data = output->data};
}

static void run_decode(const OperatorContext *context, const AttentionProblem *problem,
                       const ScoreStage *stage, const AttentionOperands *operands,
                       const AttentionResult *result) {
  FlashDecode decode;
  int64_t bytes = flash_decode_bytes(problem, stage->scratch_bytes, team_size(context->team));
  flash_decode_start(&decode, problem, stage, context->kernels, context->team,
                     arena_take(context->scratch, (size_t)bytes));
  flash_decode_run(&decode, operands, result);
}

static void run_forward(const OperatorContext *context, const AttentionProblem *problem,
                        const ScoreStage *stage, const AttentionOperands *operands,
                        const AttentionResult *result) {
  FlashForward forward;
  int64_t bytes = flash_forward_bytes(problem, stage->scratch_bytes, team_size(context->team));
  flash_forward_start(&forward, problem, stage, context->kernels, context->team,
                      arena_take(context->scratch, (size_t)bytes));
  flash_forward_run(&forward, operands, result);
}

static void flex_run(const OperatorContext *context, const Tensor *inputs, int count,
                     const void *attributes, Tensor *output) {
  (void)count;
  const FlexAttributes *flex = attributes;
  const AttentionProblem problem = problem_of(&inputs[0], &inputs[1], flex->scale);
  PositionPass pass = {.batch = problem.batch,
                       .queries = problem.queries,
                       .keys = problem.keys,
                       .past = rows_past(&inputs[3]),
                       .window = flex->window,
                       .block_rows = BLOCK,
                       .block_columns = BLOCK};
  PositionStage positions;
  position_stage_start(&positions, flex->mod, &pass,
                       arena_take(context->scratch, (size_t)position_stage_bytes(&pass)));
  AttentionOperands operands = {inputs[0], inputs[1], inputs[2]};
  AttentionResult result = {.out = by_head(output, &problem)};
  (problem.queries == 1 ? run_decode : run_forward)(context, &problem, &positions.stage, &operands,
                                                    &result);
}

static const Operator flex_operator = {.name = "flex_attention",
                                       .attributes_size = sizeof(FlexAttributes),
                                       .written = -1,
                                       .infer = flex_infer,
                                       .run = flex_run};

bool attention_flex_open(const AttentionLimits *limits, void **prepared, Error *error) {
  *prepared = position_mod_open(limits->batch, limits->keys, limits->tier, error);
  return *prepared != NULL;
}

void attention_flex_close(void *prepared) {
  position_mod_close(prepared);
}

Tensor attention_flex(Ops *ops, const AttentionSpec *spec, const AttentionInputs *inputs) {
  Tensor operands[4] = {inputs->queries, inputs->keys, inputs->values, inputs->past};
  FlexAttributes attributes = {spec->window, spec->scale, inputs->prepared};
  return ops_apply(ops, &flex_operator, operands, 4, &attributes);
}
