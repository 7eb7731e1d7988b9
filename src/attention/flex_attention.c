// SPDX-License-Identifier: Apache-2.0
#include "attention/flex_attention.h"
#include "attention/attention_pass.h"
#include "attention/position_mod.h"

typedef struct {
  int64_t window;
  double scale;
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
static void flex_run(const OperatorContext *context, const Tensor *inputs, int count,
                     const void *attributes, Tensor *output) {
  (void)count;
  const FlexAttributes *flex = attributes;
  AttentionPass pass = attention_pass_of(inputs, flex->scale, output);
  bool decodes = pass.problem.queries == 1;
  PositionPass positions = {.batch = pass.problem.batch,
                            .queries = pass.problem.queries,
                            .keys = pass.problem.keys,
                            .past = pass.past,
                            .window = flex->window,
                            .block_rows = decodes ? 1 : context->kernels->tile_rows,
                            .block_columns = decodes ? 1 : MATRIX_PANEL};
  PositionStage stage;
  position_stage_start(&stage, flex->mod, &positions,
                       arena_take(context->scratch, (size_t)position_stage_bytes(&positions)));
  attention_pass_flash(context, &pass, &stage.stage);
}

static const Operator flex_operator = {.name = "flex_attention",
                                       .attributes_size = sizeof(FlexAttributes),
                                       .written = -1,
                                       .infer = flex_infer,
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
  FlexAttributes attributes = {spec->window, spec->scale, inputs->prepared};
  return ops_apply(ops, &flex_operator, operands, 4, &attributes);
}
