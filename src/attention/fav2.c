// SPDX-License-Identifier: Apache-2.0
// FlashAttention-2 (Dao 2023, arXiv:2307.08691). Masks are ranges of keys, scores stay, get an
// affine term or are capped; anything else is refused.
#include "attention/backend.h"
#include "attention/flash_forward.h"
#include "attention/native_mod.h"

typedef struct {
  AttentionPlan plan;
  NativeMod *mod;
  Region memory;
  FlashForward forward;
} Fav2Plan;

static bool fav2_supports(const AttentionProblem *problem, bool backward, Error *error) {
  (void)backward;
  return native_mod_supports(problem, error);
}

static int64_t fav2_bytes(const AttentionProblem *problem, bool backward, int threads) {
  (void)backward;
  return attention_bytes_add(native_mod_bytes(problem), flash_forward_bytes(problem, 0, threads));
}

static void fav2_release(AttentionPlan *plan) {
  Fav2Plan *fav2 = (Fav2Plan *)plan;
  region_unmap(&fav2->memory);
  native_mod_close(fav2->mod);
  memory_free(fav2);
}

static AttentionPlan *fav2_prepare(const AttentionProblem *problem, bool backward,
                                   const Kernels *kernels, Team *team, Error *error) {
  (void)backward;
  Fav2Plan *fav2 = memory_allocate(sizeof *fav2);
  fav2->plan = (AttentionPlan){&backend_fav2, *problem, kernels, team};
  fav2->mod = native_mod_open(problem, kernels->tile_rows, MATRIX_PANEL, kernels, team, error);
  size_t bytes = (size_t)flash_forward_bytes(problem, 0, team_size(team));
  if (!fav2->mod || !region_map(&fav2->memory, bytes, error)) {
    fav2_release(&fav2->plan);
    return NULL;
  }
  flash_forward_start(&fav2->forward, &fav2->plan.problem, &fav2->mod->native.stage, kernels, team,
                      fav2->memory.data);
  return &fav2->plan;
}

static void fav2_forward(AttentionPlan *plan, const AttentionOperands *operands,
                         const AttentionResult *result) {
  flash_forward_run(&((Fav2Plan *)plan)->forward, operands, result);
}

const AttentionBackend backend_fav2 = {.name = "fav2",
                                       .supports = fav2_supports,
                                       .bytes = fav2_bytes,
                                       .prepare = fav2_prepare,
                                       .release = fav2_release,
                                       .forward = fav2_forward};
