// SPDX-License-Identifier: Apache-2.0
#include "attention/flash_attention.h"
#include "attention/attention_pass.h"
#include "attention/chunked_forward.h"
#include "attention/flash_decode.h"
#include "attention/flash_tiles.h"
#include "attention/native_stage.h"

enum { CHUNK_COLUMNS = 32 }; // of the efficient stage's blocks

static bool flash_infer(const Tensor *inputs, int count, const void *attributes, Tensor *output,
                        Error *error) {
  (void)attributes;
  return attention_pass_infer(inputs, count, output, error);
}

static int64_t stage_bytes(const AttentionProblem *problem, int64_t block_rows) {
  RowRanges ranges = {.batches = problem->batch, .heads = 1, .queries = problem->queries};
  int64_t bytes = problem->batch * problem->queries * 2 * (int64_t)sizeof(int32_t) +
                  native_stage_spans(&ranges, block_rows) * (int64_t)sizeof(RangeSpan);
  return (bytes + MATRIX_ALIGNMENT - 1) / MATRIX_ALIGNMENT * MATRIX_ALIGNMENT;
}

// The stage of positions, in memory of stage_bytes: what query i of a sequence sees ends at past +
// i.
static void start_stage(NativeStage *stage, RowRanges *ranges, const AttentionPass *pass,
                        int64_t window, int64_t block_rows, int64_t block_columns, void *memory) {
  const AttentionProblem *problem = &pass->problem;
  int64_t rows = problem->batch * problem->queries;
  *ranges = (RowRanges){.batches = problem->batch,
                        .heads = 1,
                        .queries = problem->queries,
                        .keys = problem->keys,
                        .first = memory,
                        .last = (int32_t *)memory + rows};
  row_ranges_of_positions(ranges, pass->past, window);
  native_stage_start(stage, ranges, (RangeSpan *)((int32_t *)memory + 2 * rows), block_rows,
                     block_columns);
}

// Blocks as small as what the kernels work on together: single keys where one query decodes.
static void flash_run(const OperatorContext *context, const Tensor *inputs, int count,
                      const void *attributes, Tensor *output) {
  (void)count;
  const FlashAttributes *flash = attributes;
  AttentionPass pass = attention_pass_of(inputs, flash->scale, output);
  bool decodes = pass.problem.queries == 1;
  int64_t block_rows = decodes ? 1 : context->kernels->tile_rows;
  NativeStage stage;
  RowRanges ranges;
  start_stage(&stage, &ranges, &pass, flash->window, block_rows, decodes ? 1 : MATRIX_PANEL,
              arena_take(context->scratch, (size_t)stage_bytes(&pass.problem, block_rows)));
  flash_tiles_set(&flash->tiles, &stage.stage);
  attention_pass_flash(context, &pass, &stage.stage);
}

// A stage for each thread, then what decoding takes.
static int64_t decode_scratch(const Kernels *kernels, const Tensor *inputs, int count,
                              const void *attributes, int threads) {
  (void)kernels, (void)count;
  const FlashAttributes *flash = attributes;
  AttentionProblem problem = attention_pass_problem(inputs, flash->scale);
  ScoreStage sizes = {0};
  flash_tiles_set(&flash->tiles, &sizes);
  return threads * stage_bytes(&problem, 1) + flash_decode_bytes(&problem, &sizes, threads);
}

static void decode_part(const OperatorPart *part, const Tensor *inputs, int count,
                        const void *attributes, Tensor *output) {
  (void)count;
  const FlashAttributes *flash = attributes;
  AttentionPass pass = attention_pass_of(inputs, flash->scale, output);
  int64_t bytes = stage_bytes(&pass.problem, 1);
  char *memory = part->scratch;
  NativeStage stage;
  RowRanges ranges;
  start_stage(&stage, &ranges, &pass, flash->window, 1, 1, memory + part->thread * bytes);
  flash_tiles_set(&flash->tiles, &stage.stage);
  attention_pass_decode_part(part, &pass, &stage.stage, memory + part->threads * bytes);
}

static bool decode_small(const Tensor *inputs, const void *attributes, const Tensor *output) {
  (void)output;
  AttentionProblem problem =
      attention_pass_problem(inputs, ((const FlashAttributes *)attributes)->scale);
  return flash_decode_small(&problem);
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
              arena_take(context->scratch, (size_t)stage_bytes(&pass.problem, CHUNKED_ROWS)));
  int64_t bytes = chunked_forward_bytes(&pass.problem, 0, team_size(context->team));
  chunked_forward_start(&forward, &pass.problem, &stage.stage, context->kernels, context->team,
                        arena_take(context->scratch, (size_t)bytes));
  chunked_forward_run(&forward, &pass.operands, &pass.result);
}

const Operator flash_attention_operator = {.name = "flash_attention",
                                           .attributes_size = sizeof(FlashAttributes),
                                           .written = -1,
                                           .infer = flash_infer,
                                           .run = flash_run};
// One query per sequence.
const Operator flash_decode_operator = {.name = "flash_decode",
                                        .attributes_size = sizeof(FlashAttributes),
                                        .written = -1,
                                        .infer = flash_infer,
                                        .part = decode_part,
                                        .scratch_bytes = decode_scratch,
                                        .small = decode_small,
                                        .run = flash_run};
static const Operator efficient_operator = {.name = "attention_efficient",
                                            .attributes_size = sizeof(FlashAttributes),
                                            .written = -1,
                                            .infer = flash_infer,
                                            .run = efficient_run};

static Tensor apply(Ops *ops, const Operator *op, const AttentionSpec *spec,
                    const AttentionInputs *inputs) {
  Tensor tensors[] = {inputs->queries, inputs->keys, inputs->values, inputs->past};
  FlashAttributes attributes = {.window = spec->window, .scale = spec->scale};
  return ops_apply(ops, op, tensors, 4, &attributes);
}

Tensor attention_flash(Ops *ops, const AttentionSpec *spec, const AttentionInputs *inputs) {
  return apply(ops, spec->queries == 1 ? &flash_decode_operator : &flash_attention_operator, spec,
               inputs);
}

Tensor attention_efficient(Ops *ops, const AttentionSpec *spec, const AttentionInputs *inputs) {
  return apply(ops, &efficient_operator, spec, inputs);
}
