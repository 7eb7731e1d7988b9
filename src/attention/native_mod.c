// SPDX-License-Identifier: Apache-2.0
#include "attention/native_mod.h"

enum { MASK_BLOCK = 128 }; // of the mask that the ranges come from, whatever the stage's blocks

static const NativeMod *mod_of(const ScoreStage *stage) {
  return stage->data; // a NativeStage, which is the first member
}

// The row's term at its first key is taken in double: far from the diagonal the parts cancel.
static void modify_affine(const ScoreStage *stage, const ScoreTile *tile, float *scores,
                          void *scratch) {
  (void)scratch;
  const NativeMod *mod = mod_of(stage);
  const ModAffine *affine = &mod->affine[tile->batch * mod->heads + tile->head];
  for (int64_t r = 0; r < tile->rows; r++) {
    double query = (double)(mod->query_offset + tile->query + r);
    double start = affine->query_slope * query + affine->key_slope * (double)tile->key;
    mod->kernels->add_ramp(tile->columns, (float)(start + affine->constant),
                           (float)affine->key_slope, scores + r * tile->stride);
  }
}

static void modify_soft_cap(const ScoreStage *stage, const ScoreTile *tile, float *scores,
                            void *scratch) {
  (void)scratch;
  const NativeMod *mod = mod_of(stage);
  for (int64_t r = 0; r < tile->rows; r++) {
    float *row = scores + r * tile->stride;
    mod->kernels->soft_cap(tile->columns, (float)mod->form.cap, row, row);
  }
}

static void derive_soft_cap(const ScoreStage *stage, const ScoreTile *tile, const float *scores,
                            float *gradients, void *scratch) {
  (void)scratch;
  const NativeMod *mod = mod_of(stage);
  for (int64_t r = 0; r < tile->rows; r++)
    mod->kernels->soft_cap_slope(tile->columns, (float)mod->form.cap, scores + r * tile->stride,
                                 gradients + r * tile->stride);
}

static ModForm form_of(const AttentionProblem *problem) {
  return problem->mod ? mod_recognize(problem->mod) : (ModForm){.kind = MOD_FORM_NONE};
}

bool native_mod_supports(const AttentionProblem *problem, Error *error) {
  if (form_of(problem).kind != MOD_FORM_OTHER) return true;
  return error_set(error, ERROR_UNSUPPORTED, NULL,
                   "a score_mod of this form needs flex, efficient, math or og-eager");
}

static bool take_memory(NativeMod *mod, const AttentionProblem *problem, int64_t block_rows,
                        Error *error) {
  bool affine = mod->form.kind == MOD_FORM_AFFINE;
  int64_t planes = affine ? problem->batch * problem->heads : 0;
  int64_t spans = native_stage_spans(mod->ranges, block_rows);
  size_t affine_bytes = (size_t)planes * sizeof(ModAffine);
  if (!region_map(&mod->memory, affine_bytes + (size_t)spans * sizeof(RangeSpan), error))
    return false;
  mod->affine = mod->memory.data;
  for (int64_t i = 0; i < planes; i++)
    mod->affine[i] = mod_affine_at(problem->mod, i / problem->heads, i % problem->heads);
  return true;
}

static RowRanges *ranges_of(const AttentionProblem *problem, CpuTier tier, Team *team,
                            Error *error) {
  BoundMod noop;
  const BoundMod *bound = problem_mod(problem, &noop);
  BlockMask *mask = block_mask_build(bound, MASK_BLOCK, MASK_BLOCK, tier, team, error);
  if (!mask) return NULL;
  RowRanges *ranges = row_ranges_build(mask, bound, tier, team, error);
  block_mask_close(mask);
  return ranges;
}

static void start(NativeMod *mod, const AttentionProblem *problem, int64_t block_rows,
                  int64_t block_columns) {
  int64_t planes = mod->form.kind == MOD_FORM_AFFINE ? problem->batch * problem->heads : 0;
  RangeSpan *spans = (RangeSpan *)(mod->affine + planes);
  native_stage_start(&mod->native, mod->ranges, spans, block_rows, block_columns);
  if (mod->form.kind == MOD_FORM_AFFINE) mod->native.stage.modify = modify_affine;
  if (mod->form.kind == MOD_FORM_SOFTCAP) {
    mod->native.stage.modify = modify_soft_cap;
    mod->native.stage.derive = derive_soft_cap;
  }
}

NativeMod *native_mod_open(const AttentionProblem *problem, int64_t block_rows,
                           int64_t block_columns, const Kernels *kernels, Team *team,
                           Error *error) {
  NativeMod *mod = memory_allocate(sizeof *mod);
  *mod = (NativeMod){.kernels = kernels,
                     .heads = problem->heads,
                     .form = form_of(problem),
                     .query_offset = problem->mod ? problem->mod->shape.query_offset : 0};
  mod->ranges = ranges_of(problem, kernels->tier, team, error);
  if (!mod->ranges || !take_memory(mod, problem, block_rows, error)) {
    native_mod_close(mod);
    return NULL;
  }
  start(mod, problem, block_rows, block_columns);
  return mod;
}

void native_mod_close(NativeMod *mod) {
  if (!mod) return;
  region_unmap(&mod->memory);
  row_ranges_close(mod->ranges);
  memory_free(mod);
}

int64_t native_mod_bytes(const AttentionProblem *problem) {
  BoundMod noop;
  int64_t mask = block_mask_bytes(problem_mod(problem, &noop), MASK_BLOCK, MASK_BLOCK);
  int64_t planes = problem->batch * problem->heads;
  int64_t row_bytes = 2 * sizeof(int32_t) + sizeof(RangeSpan);
  int64_t rows = planes * (problem->queries * row_bytes + (int64_t)sizeof(ModAffine));
  return mask > INT64_MAX - rows ? INT64_MAX : mask + rows;
}
