// SPDX-License-Identifier: Apache-2.0
// Attention of one query per sequence over a cache of keys and values: Flash-Decoding. Masks and
// scores as in fav2.
#include "attention/backend.h"
#include "attention/flash_decode.h"
#include "attention/native_mod.h"
#include <inttypes.h>

typedef struct {
  AttentionPlan plan;
  NativeMod *mod;
  Region memory;
  FlashDecode decode;
} FakvPlan;

static bool fakv_supports(const AttentionProblem *problem, bool backward, Error *error) {
  (void)backward;
  if (problem->queries != 1)
    return error_set(error, ERROR_UNSUPPORTED, NULL,
                     "fakv decodes: it takes 1 query per sequence, found %" PRId64,
                     problem->queries);
  return native_mod_supports(problem, error);
}

static int64_t fakv_bytes(const AttentionProblem *problem, bool backward, int threads) {
  (void)backward;
  return attention_bytes_add(native_mod_bytes(problem),
                             flash_decode_bytes(problem, &(ScoreStage){0}, threads));
}

static void fakv_release(AttentionPlan *plan) {
  FakvPlan *fakv = (FakvPlan *)plan;
  region_unmap(&fakv->memory);
  native_mod_close(fakv->mod);
  memory_free(fakv);
}

// Ranges are exact to the key: nothing has to be masked.
static AttentionPlan *fakv_prepare(const AttentionProblem *problem, bool backward,
                                   const AttentionSetup *setup, Error *error) {
  const Kernels *kernels = setup->kernels;
  Team *team = setup->team;
  (void)backward;
  FakvPlan *fakv = memory_allocate(sizeof *fakv);
  fakv->plan = (AttentionPlan){&backend_fakv, *problem, kernels, team};
  fakv->mod = native_mod_open(problem, 1, 1, kernels, team, error);
  size_t bytes = (size_t)flash_decode_bytes(problem, &(ScoreStage){0}, team_size(team));
  if (!fakv->mod || !region_map(&fakv->memory, bytes, error)) {
    fakv_release(&fakv->plan);
    return NULL;
  }
  flash_decode_start(&fakv->decode, &fakv->plan.problem, &fakv->mod->native.stage, kernels, team,
                     fakv->memory.data);
  return &fakv->plan;
}

static void fakv_forward(AttentionPlan *plan, const AttentionOperands *operands,
                         const AttentionResult *result) {
  flash_decode_run(&((FakvPlan *)plan)->decode, operands, result);
}

const AttentionBackend backend_fakv = {.name = "fakv",
                                       .supports = fakv_supports,
                                       .bytes = fakv_bytes,
                                       .prepare = fakv_prepare,
                                       .release = fakv_release,
                                       .forward = fakv_forward};
