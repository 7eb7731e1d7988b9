// SPDX-License-Identifier: Apache-2.0
#include "attention/score_rows.h"
#include <math.h>

bool score_steps_open(ScoreSteps *steps, const AttentionProblem *problem, const Kernels *kernels,
                      Error *error) {
  const BoundMod *mod = problem->mod;
  *steps = (ScoreSteps){.problem = problem, .kernels = kernels};
  if (!mod || (mod->score.count == 0 && mod->mask.count == 0)) return true;
  steps->interpreter = mod_interpreter_open(mod, kernels->tier, error);
  steps->scored = mod->score.count > 0;
  steps->masked = mod->mask.count > 0;
  steps->derived = mod->derivative.count > 0;
  return steps->interpreter != NULL;
}

void score_steps_close(ScoreSteps *steps) {
  mod_interpreter_close(steps->interpreter);
}

int64_t score_steps_scratch_bytes(const ScoreSteps *steps) {
  if (!steps->interpreter) return 0;
  int64_t bytes = mod_interpreter_scratch_bytes(steps->interpreter);
  return (bytes + MATRIX_ALIGNMENT - 1) / MATRIX_ALIGNMENT * MATRIX_ALIGNMENT;
}

static ModTile tile_of(const ScoreSteps *steps, const ScoreRows *rows) {
  return (ModTile){.batch = rows->batch,
                   .head = rows->head,
                   .query = rows->query,
                   .rows = rows->rows,
                   .columns = steps->problem->keys,
                   .stride = rows->stride};
}

void score_rows_scale(const ScoreSteps *steps, const ScoreRows *rows, float *scores) {
  float factor = (float)steps->problem->scale;
  for (int64_t r = 0; r < rows->rows; r++, scores += rows->stride)
    steps->kernels->scale(steps->problem->keys, scores, factor, scores);
}

void score_rows_modify(const ScoreSteps *steps, const ScoreRows *rows, float *scores,
                       void *scratch) {
  ModTile tile = tile_of(steps, rows);
  if (steps->scored) mod_interpret_score(steps->interpreter, &tile, scores, scratch);
}

void score_rows_mask(const ScoreSteps *steps, const ScoreRows *rows, float *scores, void *scratch) {
  ModTile tile = tile_of(steps, rows);
  if (steps->masked) mod_interpret_mask(steps->interpreter, &tile, scores, scratch);
}

// The largest probability is 1 / Σ exp(score - largest).
void score_rows_softmax(const ScoreSteps *steps, const ScoreRows *rows, float *scores, float *lse) {
  int64_t keys = steps->problem->keys;
  for (int64_t r = 0; r < rows->rows; r++, scores += rows->stride) {
    int64_t best = lse ? steps->kernels->argmax(keys, scores) : 0;
    float largest = scores[best];
    steps->kernels->softmax(keys, 0, keys, 1.0f, scores, scores);
    if (!lse) continue;
    lse[r] = largest == -INFINITY ? -INFINITY : (float)(largest - log((double)scores[best]));
  }
}

void score_rows_gradients(const ScoreSteps *steps, const ScoreRows *rows, const float *p,
                          float *products) {
  const Kernels *kernels = steps->kernels;
  int64_t keys = steps->problem->keys;
  for (int64_t r = 0; r < rows->rows; r++, p += rows->stride, products += rows->stride) {
    kernels->add_ramp(keys, -(float)kernels->dot(keys, p, products), 0.0f, products);
    kernels->multiply(keys, products, p, products);
  }
}

void score_rows_derive(const ScoreSteps *steps, const ScoreRows *rows, const float *raw,
                       const float *p, float *gradients, void *scratch) {
  ModTile tile = tile_of(steps, rows);
  if (!steps->derived) return;
  mod_interpret_derivative(steps->interpreter, &tile, raw, gradients, scratch);
  for (int64_t r = 0; r < rows->rows; r++, p += rows->stride, gradients += rows->stride)
    for (int64_t i = 0; i < tile.columns; i++) gradients[i] = p[i] == 0.0f ? 0.0f : gradients[i];
}
