// SPDX-License-Identifier: Apache-2.0
// FlashAttention-2 (Dao 2023, arXiv:2307.08691), forward and backward; one query per sequence
// splits its keys. Masks are ranges of keys, scores stay, get an affine term or are capped;
// anything else is refused.
#include "attention/flash_plan.h"
#include "attention/native_mod.h"

typedef struct {
  FlashPlan flash; // first: it begins with the AttentionPlan
  NativeMod *mod;
} Fav2Plan;

static bool fav2_supports(const AttentionProblem *problem, bool backward, Error *error) {
  (void)backward;
  return native_mod_supports(problem, error);
}

// Blocks as small as what the kernels work on together: masks are trimmed that closely.
static int64_t fav2_bytes(const AttentionProblem *problem, bool backward, int threads) {
  const Kernels *kernels = kernels_for(cpu_best_tier());
  ScoreStage sizes = {.block_rows = kernels->tile_rows,
                      .block_columns = MATRIX_PANEL,
                      .queries = problem->queries,
                      .keys = problem->keys};
  return attention_bytes_add(
      native_mod_bytes(problem),
      flash_plan_bytes(problem, &sizes, FLASH_OVER_KEYS, backward, kernels, threads));
}

static void fav2_release(AttentionPlan *plan) {
  Fav2Plan *fav2 = (Fav2Plan *)plan;
  flash_plan_end(&fav2->flash);
  native_mod_close(fav2->mod);
  memory_free(fav2);
}

static AttentionPlan *fav2_prepare(const AttentionProblem *problem, bool backward,
                                   const AttentionSetup *setup, Error *error) {
  const Kernels *kernels = setup->kernels;
  Team *team = setup->team;
  Fav2Plan *fav2 = memory_allocate(sizeof *fav2);
  AttentionPlan *plan = &fav2->flash.plan;
  *plan = (AttentionPlan){&backend_fav2, *problem, kernels, team};
  fav2->mod = native_mod_open(problem, kernels->tile_rows, MATRIX_PANEL, kernels, team, error);
  if (fav2->mod &&
      flash_plan_start(&fav2->flash, &fav2->mod->native.stage, FLASH_OVER_KEYS, backward, error))
    return plan;
  fav2_release(plan);
  return NULL;
}

const AttentionBackend backend_fav2 = {.name = "fav2",
                                       .supports = fav2_supports,
                                       .bytes = fav2_bytes,
                                       .prepare = fav2_prepare,
                                       .release = fav2_release,
                                       .forward = flash_plan_forward,
                                       .backward = flash_plan_backward};
