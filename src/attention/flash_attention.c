// SPDX-License-Identifier: Apache-2.0
#include "attention/flash_attention.h"
#include "attention/attention_pass.h"
#include "attention/chunked_forward.h"
#include "attention/native_stage.h"

enum { CHUNK_COLUMNS = 32 }; // of the efficient stage's blocks

typedef struct {
  int64_t window;
  double scale;
} FlashAttributes;

static bool flash_infer(const Tensor *inputs, int count, const void *attributes, Tensor *output,
                        Error *error) {
  (void)attributes;
  return attention_pass_infer(inputs, count, output, error);
}

// The stage of positions: what query i of a sequence sees ends at past + i.
static void start_stage(NativeStage *stage, RowRanges *ranges, const AttentionPass *pass,
                        int64_t window, int64_t block_rows, int64_t block_columns, Arena *arena) {
  const AttentionProblem *problem = &pass->problem;
  size_t rows = (size_t)(problem->batch * problem->queries);
  *ranges = (RowRanges){.batches = problem->batch,
                        .heads = 1,
                        .queries = problem->queries,
                        .keys = problem->keys,
                        .first = arena_take(arena, rows * sizeof(int32_t)),
                        .last = arena_take(arena, rows * sizeof(int32_t))};
  row_ranges_of_positions(ranges, pass->past, window);
  size_t spans = (size_t)native_stage_spans(ranges, block_rows);
  native_stage_start(stage, ranges, arena_take(arena, spans * sizeof(RangeSpan)), block_rows,
                     block_columns);
}

// Blocks as small as what the kernels work on together: single keys where one query decodes.
static void flash_run(const OperatorContext *context, const Tensor *inputs, int count,
                      const void *attributes, Tensor *output) {
  (void)count;
  const FlashAttributes *flash = attributes;
  AttentionPass pass = attention_pass_of(inputs, flash->scale, output);
  bool decodes = pass.problem.queries == 1;
  NativeStage stage;
  RowRanges ranges;
  start_stage(&stage, &ranges, &pass, flash->window, decodes ? 1 : context->kernels->tile_rows,
              decodes ? 1 : MATRIX_PANEL, context->scratch);
  attention_pass_flash(context, &pass, &stage.stage);
}

static void efficient_run(const OperatorContext *context, const Tensor *inputs, int count,
                          const void *attributes, Tensor *output) {
  (void)count;
  const FlashAttributes *efficient = attributes;
  AttentionPass pass = attention_pass_of(inputs, efficient->scale, output);
  NativeStage stage;
  RowRanges ranges;
  ChunkedForward forward;
  start_stage(&stage, &ranges, &pass, efficient->window, CHUNKED_ROWS, CHUNK_COLUMNS,
              context->scratch);
  int64_t bytes = chunked_forward_bytes(&pass.problem, 0, team_size(context->team));
  chunked_forward_start(&forward, &pass.problem, &stage.stage, context->kernels, context->team,
                        arena_take(context->scratch, (size_t)bytes));
  chunked_forward_run(&forward, &pass.operands, &pass.result);
}

static const Operator flash_operator = {.name = "flash_attention",
                                        .attributes_size = sizeof(FlashAttributes),
                                        .written = -1,
                                        .infer = flash_infer,
                                        .run = flash_run};
static const Operator efficient_operator = {.name = "attention_efficient",
                                            .attributes_size = sizeof(FlashAttributes),
                                            .written = -1,
                                            .infer = flash_infer,
                                            .run = efficient_run};

static Tensor apply(Ops *ops, const Operator *op, const AttentionSpec *spec,
                    const AttentionInputs *inputs) {
  Tensor tensors[] = {inputs->queries, inputs->keys, inputs->values, inputs->past};
  FlashAttributes attributes = {spec->window, spec->scale};
  return ops_apply(ops, op, tensors, 4, &attributes);
}

Tensor attention_flash(Ops *ops, const AttentionSpec *spec, const AttentionInputs *inputs) {
  return apply(ops, &flash_operator, spec, inputs);
}

Tensor attention_efficient(Ops *ops, const AttentionSpec *spec, const AttentionInputs *inputs) {
  return apply(ops, &efficient_operator, spec, inputs);
}
