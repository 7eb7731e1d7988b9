// SPDX-License-Identifier: Apache-2.0
#include "attention/flex_attention.h"
#include "attention/attention_pass.h"
#include "attention/flash_decode.h"
#include "attention/flash_tiles.h"
#include "attention/position_mod.h"

typedef struct {
  FlashAttributes flash; // first
  PositionMod *mod;
} FlexAttributes;

static bool flex_infer(const Tensor *inputs, int count, const void *attributes, Tensor *output,
                       Error *error) {
  const FlexAttributes *flex = attributes;
  return attention_pass_infer(inputs, count, output, error) &&
         position_mod_fits(flex->mod, inputs[0].shape[0], inputs[1].shape[2], error);
}

// Blocks as in flash_attention: a mask of positions is trimmed closely, a decoded query's to the
// key.
static PositionPass positions_of(const AttentionProblem *problem, const FlexAttributes *flex,
                                 const int64_t *past, const Kernels *kernels) {
  bool decodes = problem->queries == 1;
  return (PositionPass){.batch = problem->batch,
                        .queries = problem->queries,
                        .keys = problem->keys,
                        .past = past,
                        .window = flex->flash.window,
                        .block_rows = decodes ? 1 : kernels->tile_rows,
                        .block_columns = decodes ? 1 : MATRIX_PANEL};
}

static void flex_run(const OperatorContext *context, const Tensor *inputs, int count,
                     const void *attributes, Tensor *output) {
  (void)count;
  const FlexAttributes *flex = attributes;
  AttentionPass pass = attention_pass_of(inputs, flex->flash.scale, output);
  PositionPass positions = positions_of(&pass.problem, flex, pass.past, context->kernels);
  PositionStage stage;
  position_stage_start(&stage, flex->mod, &positions,
                       arena_take(context->scratch, (size_t)position_stage_bytes(&positions)));
  flash_tiles_set(&flex->flash.tiles, &stage.stage);
  attention_pass_flash(context, &pass, &stage.stage);
}

static int64_t aligned(int64_t bytes) {
  return (bytes + MATRIX_ALIGNMENT - 1) / MATRIX_ALIGNMENT * MATRIX_ALIGNMENT;
}

// The stage, its lines, then what decoding takes.
static int64_t decode_scratch(const Kernels *kernels, const Tensor *inputs, int count,
                              const void *attributes, int threads) {
  (void)count;
  const FlexAttributes *flex = attributes;
  AttentionProblem problem = attention_pass_problem(inputs, flex->flash.scale);
  PositionPass positions = positions_of(&problem, flex, NULL, kernels);
  ScoreStage sizes = {.scratch_bytes = position_mod_scratch_bytes(flex->mod)};
  flash_tiles_set(&flex->flash.tiles, &sizes);
  return aligned(sizeof(PositionStage)) + aligned(position_stage_bytes(&positions)) +
         flash_decode_bytes(&problem, &sizes, threads);
}

// The mod holds the positions of one pass: the first thread puts them there.
static void decode_part(const OperatorPart *part, const Tensor *inputs, int count,
                        const void *attributes, Tensor *output) {
  (void)count;
  const FlexAttributes *flex = attributes;
  AttentionPass pass = attention_pass_of(inputs, flex->flash.scale, output);
  PositionPass positions = positions_of(&pass.problem, flex, pass.past, part->kernels);
  PositionStage *stage = part->scratch;
  char *lines = (char *)part->scratch + aligned(sizeof *stage);
  if (part->thread == 0) {
    position_stage_start(stage, flex->mod, &positions, lines);
    flash_tiles_set(&flex->flash.tiles, &stage->stage);
  }
  if (part->threads > 1) team_barrier(part->team);
  attention_pass_decode_part(part, &pass, &stage->stage,
                             lines + aligned(position_stage_bytes(&positions)));
}

const Operator flex_attention_operator = {.name = "flex_attention",
                                          .attributes_size = sizeof(FlexAttributes),
                                          .written = -1,
                                          .infer = flex_infer,
                                          .run = flex_run};

// One query per sequence.
const Operator flex_decode_operator = {.name = "flex_decode",
                                       .attributes_size = sizeof(FlexAttributes),
                                       .written = -1,
                                       .infer = flex_infer,
                                       .part = decode_part,
                                       .scratch_bytes = decode_scratch,
                                       .run = flex_run};

bool attention_flex_open(const AttentionLimits *limits, void **prepared, Error *error) {
  PositionMod *mod = position_mod_open(limits->batch, limits->keys, limits->tier, error);
  bool done = mod && (!limits->compiler || position_mod_compile(mod, limits->compiler, error));
  if (!done) position_mod_close(mod);
  *prepared = done ? mod : NULL;
  return done;
}

void attention_flex_close(void *prepared) {
  position_mod_close(prepared);
}

Tensor attention_flex(Ops *ops, const AttentionSpec *spec, const AttentionInputs *inputs) {
  Tensor operands[4] = {inputs->queries, inputs->keys, inputs->values, inputs->past};
  FlexAttributes attributes = {.flash = {.window = spec->window, .scale = spec->scale},
                               .mod = inputs->prepared};
  const Operator *op = spec->queries == 1 ? &flex_decode_operator : &flex_attention_operator;
  return ops_apply(ops, op, operands, 4, &attributes);
}
