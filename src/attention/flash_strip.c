// SPDX-License-Identifier: Apache-2.0
#include "attention/flash_strip.h"
#include "attention/stretch_scores.h"
#include <math.h>
#include <string.h>

// Rows of scores begin in different sets of a cache, and tiles may write whole panels.
enum { SCORE_PADDING = 2 * MATRIX_PANEL };

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t round_up(int64_t value, int64_t step) {
  return (value + step - 1) / step * step;
}

static int64_t score_floats(const PackedShape *shape) {
  return FLASH_STRIP_ROWS * (shape->block + SCORE_PADDING);
}

int64_t flash_workspace_bytes(int64_t stage_scratch, const PackedShape *shape) {
  int64_t floats = 2 * score_floats(shape) + FLASH_STRIP_ROWS * (shape->value_dim + 4);
  return floats * (int64_t)sizeof(float) + round_up(stage_scratch, MATRIX_ALIGNMENT);
}

FlashWorkspace flash_workspace_at(const Kernels *kernels, const ScoreStage *stage,
                                  const PackedShape *shape, void *memory) {
  FlashWorkspace workspace = {.kernels = kernels,
                              .stage = stage,
                              .shape = shape,
                              .stride = shape->block + SCORE_PADDING,
                              .scores = memory};
  workspace.hidden = workspace.scores + score_floats(shape);
  workspace.factor = workspace.hidden + score_floats(shape);
  workspace.found = workspace.factor + FLASH_STRIP_ROWS;
  workspace.part.values = workspace.found + FLASH_STRIP_ROWS;
  workspace.part.largest = workspace.part.values + FLASH_STRIP_ROWS * shape->value_dim;
  workspace.part.sum = workspace.part.largest + FLASH_STRIP_ROWS;
  workspace.scratch = workspace.part.sum + FLASH_STRIP_ROWS;
  return workspace;
}

static void multiply_keys(const FlashStrip *strip, const FlashWorkspace *w, const PackedHead *head,
                          const KeyStretch *stretch) {
  int64_t dim = w->shape->head_dim, width = (int64_t)w->kernels->tile_panels * MATRIX_PANEL;
  Tile tile = {.depth = dim,
               .rows = strip->rows,
               .a = strip->queries,
               .a_stride = dim,
               .dtype = DTYPE_F32,
               .panel_bytes = MATRIX_PANEL * dim * (int64_t)sizeof(float),
               .c_stride = w->stride};
  for (int64_t key = stretch->first; key < stretch->last; key += width) {
    tile.panels = (int)((smaller(width, stretch->last - key) + MATRIX_PANEL - 1) / MATRIX_PANEL);
    tile.b = packed_keys(w->shape, head, key);
    tile.c = w->scores + (key - stretch->first);
    w->kernels->tile(&tile);
  }
}

// Without its keys.
static ScoreTile score_tile(const FlashStrip *strip, const FlashWorkspace *w) {
  return (ScoreTile){.batch = strip->batch,
                     .head = strip->head,
                     .query = strip->query,
                     .rows = strip->rows,
                     .stride = w->stride};
}

// The first softmax of a summary: what its factors are does not matter.
static void softmax(const FlashStrip *strip, const FlashWorkspace *w, const KeyStretch *stretch,
                    const KeySummary *part) {
  for (int r = 0; r < strip->rows; r++) {
    part->largest[r] = -INFINITY;
    part->sum[r] = 0.0f;
  }
  stretch_scores_apply(w->stage, stretch, score_tile(strip, w), w->scores, part->largest, w->found,
                       w->scratch);
  w->kernels->softmax_rows(&(SoftmaxRows){.rows = strip->rows,
                                          .columns = stretch->last - stretch->first,
                                          .stride = w->stride,
                                          .scores = w->scores,
                                          .largest = part->largest,
                                          .sum = part->sum,
                                          .factor = w->factor,
                                          .found = w->stage->code ? w->found : NULL});
}

static void multiply_values(const FlashStrip *strip, const FlashWorkspace *w,
                            const PackedHead *head, const KeyStretch *stretch, float *sums) {
  int64_t dim = w->shape->value_dim, width = (int64_t)w->kernels->tile_panels * MATRIX_PANEL;
  const float *values = packed_values(w->shape, head, stretch->first);
  Tile tile = {.depth = stretch->last - stretch->first,
               .rows = strip->rows,
               .a = w->scores,
               .a_stride = w->stride,
               .dtype = DTYPE_F32,
               .panel_bytes = packed_panel_floats(w->shape) * (int64_t)sizeof(float),
               .c_stride = dim};
  for (int64_t d = 0; d < dim; d += width) {
    tile.panels = (int)(smaller(width, dim - d) / MATRIX_PANEL);
    tile.b = values + d / MATRIX_PANEL * packed_panel_floats(w->shape);
    tile.c = sums + d;
    w->kernels->tile(&tile);
  }
}

static bool hides_infinite(const PackedHead *head, const KeyStretch *stretch) {
  for (int i = 0; i < stretch->parts; i++)
    if (packed_head_infinite(head, stretch->partial[i].first, stretch->partial[i].last))
      return true;
  return false;
}

static void find_hidden(const FlashStrip *strip, const FlashWorkspace *w,
                        const KeyStretch *stretch) {
  for (int r = 0; r < strip->rows; r++)
    memset(w->hidden + r * w->stride, 0,
           (size_t)(stretch->last - stretch->first) * sizeof *w->hidden);
  stretch_scores_mask(w->stage, stretch, score_tile(strip, w), w->hidden, w->scratch);
}

static void add_value(float *sums, const FlashWorkspace *w, const float *value, float weight) {
  for (int64_t d = 0; d < w->shape->value_dim; d += MATRIX_PANEL) {
    w->kernels->add_scaled(MATRIX_PANEL, value, weight, sums + d);
    value += packed_panel_floats(w->shape);
  }
}

// As multiply_values, but that what is hidden is not multiplied by 0: it may be infinite.
static void add_visible(const FlashStrip *strip, const FlashWorkspace *w, const PackedHead *head,
                        const KeyStretch *stretch, float *sums) {
  const float *values = packed_values(w->shape, head, stretch->first);
  find_hidden(strip, w, stretch);
  for (int r = 0; r < strip->rows; r++, sums += w->shape->value_dim) {
    memset(sums, 0, (size_t)w->shape->value_dim * sizeof *sums);
    for (int64_t j = 0; j < stretch->last - stretch->first; j++)
      if (w->hidden[r * w->stride + j] == 0.0f)
        add_value(sums, w, values + j * MATRIX_PANEL, w->scores[r * w->stride + j]);
  }
}

void flash_strip_attend(FlashStrip *strip, const FlashWorkspace *workspace, const PackedHead *head,
                        const KeyStretch *stretch) {
  const KeySummary *part = strip->started ? &workspace->part : &strip->total;
  bool careful = hides_infinite(head, stretch);
  multiply_keys(strip, workspace, head, stretch);
  softmax(strip, workspace, stretch, part);
  (careful ? add_visible : multiply_values)(strip, workspace, head, stretch, part->values);
  if (strip->started)
    key_summary_merge(workspace->kernels, strip->rows, workspace->shape->value_dim, &strip->total,
                      part);
  strip->started = true;
}

void flash_strip_finish(FlashStrip *strip, const FlashWorkspace *workspace, Dtype dtype, void *out,
                        int64_t stride, float *lse) {
  int64_t value_dim = workspace->shape->value_dim, bytes = dtype_facts(dtype)->block_bytes;
  if (!strip->started) key_summary_start(strip->rows, value_dim, &strip->total);
  for (int r = 0; r < strip->rows; r++) {
    KeySummary row = key_summary_at(&strip->total, value_dim, r);
    key_summary_finish(workspace->kernels, workspace->shape->head_dim, &row, dtype,
                       (char *)out + r * stride * bytes, lse ? lse + r : NULL);
  }
}
