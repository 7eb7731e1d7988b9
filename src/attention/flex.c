// SPDX-License-Identifier: Apache-2.0
// FlexAttention (Dong et al. 2024, arXiv:2412.05496): any score_mod and mask_mod in the tiled
// kernels. A block mask is made once: empty blocks are skipped, full ones get score_mod alone,
// partial ones the mask too. What stands between scores and softmax is a ScoreStage: the
// interpreter's, which machine code takes the place of where the setup has a compiler.
#include "attention/flash_plan.h"
#include "attention/interpreted_stage.h"

// A block of queries is a whole number of register tiles, and so are its parts (block_detail.h).
enum { BLOCK_COLUMNS = 128, TILES_IN_BLOCK = 16 };

typedef struct {
  FlashPlan flash;               // first: it begins with the AttentionPlan
  InterpretedStage *interpreted; // holds the block mask, whatever the stage
  ScoreCompiler *compiler;
  ScoreJob *job; // NULL: no code is asked for
  AttentionCodeFacts code;
} FlexPlan;

static bool flex_supports(const AttentionProblem *problem, bool backward, Error *error) {
  (void)problem, (void)backward, (void)error;
  return true;
}

static int64_t larger(int64_t a, int64_t b) {
  return a > b ? a : b;
}

static FlexTiles tiles_of(const FlexTiles *wanted, const Kernels *kernels) {
  FlexTiles tiles = *wanted;
  if (!tiles.block_rows) tiles.block_rows = TILES_IN_BLOCK * (int64_t)kernels->tile_rows;
  if (!tiles.block_columns) tiles.block_columns = BLOCK_COLUMNS;
  return tiles;
}

static int64_t flex_bytes(const AttentionProblem *problem, bool backward, int threads) {
  FlexTiles tiles = tiles_of(&(FlexTiles){0}, kernels_for(cpu_best_tier()));
  ScoreStage sizes = interpreted_stage_sizes(problem, tiles.block_rows, tiles.block_columns);
  sizes.scratch_bytes = larger(sizes.scratch_bytes, SCORE_CODE_SCRATCH);
  int64_t mask = interpreted_stage_bytes(problem, tiles.block_rows, tiles.block_columns);
  int64_t rest = flash_plan_bytes(problem, &sizes, FLASH_OVER_KEYS, backward,
                                  kernels_for(cpu_best_tier()), threads);
  return mask > INT64_MAX - rest ? INT64_MAX : mask + rest;
}

static void flex_release(AttentionPlan *plan) {
  FlexPlan *flex = (FlexPlan *)plan;
  if (flex->compiler) flex->compiler->end(flex->job);
  flash_plan_end(&flex->flash);
  interpreted_stage_close(flex->interpreted);
  memory_free(flex);
}

// Puts the code into the stage when it is there; until then, and where it fails, calls are
// interpreted.
static void take_code(FlexPlan *flex, bool wait) {
  const ScoreCompiler *compiler = flex->compiler;
  ScoreCodeState state = compiler->state(flex->job, wait);
  if (state == SCORE_CODE_BUILDING) return;
  flex->code.state =
      state == SCORE_CODE_READY ? ATTENTION_CODE_COMPILED : ATTENTION_CODE_INTERPRETED;
  if (state == SCORE_CODE_FAILED) {
    flex->code.failed = *compiler->failure(flex->job);
    return;
  }
  flex->code.code = compiler->facts(flex->job);
  flex->interpreted->stage.code = compiler->code(flex->job);
}

// false: there is no code, and the setup needs it.
static bool start_code(FlexPlan *flex, bool backward, const AttentionSetup *setup, Error *error) {
  InterpretedStage *interpreted = flex->interpreted;
  const BoundMod *mod = problem_mod(&flex->flash.plan.problem, &interpreted->noop);
  if (mod->score.count == 0 && mod->mask.count == 0) return true;
  flex->code.state = ATTENTION_CODE_INTERPRETED;
  if (!setup->compiler) return true;
  interpreted->stage.scratch_bytes = larger(interpreted->stage.scratch_bytes, SCORE_CODE_SCRATCH);
  flex->compiler = setup->compiler;
  flex->code.state = ATTENTION_CODE_BUILDING;
  ScoreCodeRequest request = {mod, setup->open, setup->kernels->tier, backward};
  flex->job = flex->compiler->start(flex->compiler, &request, setup->compile_later);
  if (!setup->compile_later) take_code(flex, true);
  if (flex->code.failed.code == ERROR_NONE || !setup->compiler_needed) return true;
  *error = flex->code.failed;
  return false;
}

static void cut_work(ScoreStage *stage, const FlexTiles *tiles) {
  stage->unit_rows = tiles->unit_rows;
  stage->key_block = tiles->key_block;
}

static AttentionPlan *flex_prepare(const AttentionProblem *problem, bool backward,
                                   const AttentionSetup *setup, Error *error) {
  FlexPlan *flex = memory_allocate(sizeof *flex);
  AttentionPlan *plan = &flex->flash.plan;
  *plan = (AttentionPlan){&backend_flex, *problem, setup->kernels, setup->team};
  FlexTiles tiles = tiles_of(&setup->tiles, setup->kernels);
  flex->interpreted = interpreted_stage_open(problem, tiles.block_rows, tiles.block_columns,
                                             setup->kernels->tier, setup->team, error);
  if (flex->interpreted) cut_work(&flex->interpreted->stage, &tiles);
  if (flex->interpreted && start_code(flex, backward, setup, error) &&
      flash_plan_start(&flex->flash, &flex->interpreted->stage, FLASH_OVER_KEYS, backward, error))
    return plan;
  flex_release(plan);
  return NULL;
}

static void count_call(FlexPlan *flex) {
  if (flex->code.state == ATTENTION_CODE_BUILDING) take_code(flex, false);
  flex->code.interpreted_calls += flex->job && flex->code.state != ATTENTION_CODE_COMPILED;
}

static void flex_forward(AttentionPlan *plan, const AttentionOperands *operands,
                         const AttentionResult *result) {
  count_call((FlexPlan *)plan);
  flash_plan_forward(plan, operands, result);
}

static void flex_backward(AttentionPlan *plan, const AttentionOperands *operands,
                          const AttentionResult *result, const Tensor *dout,
                          const AttentionGradients *gradients) {
  count_call((FlexPlan *)plan);
  flash_plan_backward(plan, operands, result, dout, gradients);
}

static AttentionCodeFacts flex_code(const AttentionPlan *plan) {
  return ((const FlexPlan *)plan)->code;
}

static AttentionMaskFacts flex_mask(const AttentionPlan *plan) {
  const InterpretedStage *interpreted = ((const FlexPlan *)plan)->interpreted;
  const BlockMask *mask = interpreted->mask;
  const AttentionProblem *problem = &plan->problem;
  int64_t same = problem->batch / mask->batches * (problem->heads / mask->heads);
  double all = (double)(mask->full + mask->partial + mask->empty);
  return (AttentionMaskFacts){.present = true,
                              .block_rows = mask->block_rows,
                              .block_columns = mask->block_columns,
                              .full = mask->full * same,
                              .partial = mask->partial * same,
                              .empty = mask->empty * same,
                              .sparsity = (double)mask->empty / all,
                              .build_ns = interpreted->build_ns};
}

const AttentionBackend backend_flex = {.name = "flex",
                                       .supports = flex_supports,
                                       .bytes = flex_bytes,
                                       .prepare = flex_prepare,
                                       .release = flex_release,
                                       .forward = flex_forward,
                                       .backward = flex_backward,
                                       .mask = flex_mask,
                                       .code = flex_code};
