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
  int64_t floats = 2 * score_floats(shape) + 2 * FLASH_STRIP_ROWS;
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
  workspace.scratch = workspace.found + FLASH_STRIP_ROWS;
  return workspace;
}

void flash_strip_clear(FlashStrip *strip) {
  strip->started = false;
  for (int r = 0; r < strip->rows; r++) {
    strip->largest[r] = -INFINITY;
    strip->sum[r] = 0.0f;
  }
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

static void rescale(FlashStrip *strip, const FlashWorkspace *w) {
  int64_t dim = w->shape->value_dim;
  for (int r = 0; r < strip->rows; r++)
    if (w->factor[r] != 1.0f)
      w->kernels->scale(dim, strip->values + r * dim, w->factor[r], strip->values + r * dim);
}

static void softmax(FlashStrip *strip, const FlashWorkspace *w, const KeyStretch *stretch) {
  stretch_scores_apply(w->stage, stretch, score_tile(strip, w), w->scores, strip->largest, w->found,
                       w->scratch);
  SoftmaxRows rows = {.rows = strip->rows,
                      .columns = stretch->last - stretch->first,
                      .stride = w->stride,
                      .scores = w->scores,
                      .largest = strip->largest,
                      .sum = strip->sum,
                      .factor = w->factor,
                      .found = w->stage->code ? w->found : NULL};
  if (w->kernels->softmax_rows(&rows) && strip->started) rescale(strip, w);
}

static void multiply_values(FlashStrip *strip, const FlashWorkspace *w, const PackedHead *head,
                            const KeyStretch *stretch) {
  int64_t dim = w->shape->value_dim, width = (int64_t)w->kernels->tile_panels * MATRIX_PANEL;
  const float *values = packed_values(w->shape, head, stretch->first);
  Tile tile = {.depth = stretch->last - stretch->first,
               .rows = strip->rows,
               .a = w->scores,
               .a_stride = w->stride,
               .dtype = DTYPE_F32,
               .panel_bytes = packed_panel_floats(w->shape) * (int64_t)sizeof(float),
               .initial_stride = dim,
               .c_stride = dim};
  for (int64_t d = 0; d < dim; d += width) {
    tile.panels = (int)(smaller(width, dim - d) / MATRIX_PANEL);
    tile.b = values + d / MATRIX_PANEL * packed_panel_floats(w->shape);
    tile.c = strip->values + d;
    tile.initial = strip->started ? tile.c : NULL;
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
static void add_visible(FlashStrip *strip, const FlashWorkspace *w, const PackedHead *head,
                        const KeyStretch *stretch) {
  const float *values = packed_values(w->shape, head, stretch->first);
  for (int r = 0; r < strip->rows; r++) {
    float *sums = strip->values + r * w->shape->value_dim;
    if (!strip->started) memset(sums, 0, (size_t)w->shape->value_dim * sizeof *sums);
    for (int64_t j = 0; j < stretch->last - stretch->first; j++)
      if (w->hidden[r * w->stride + j] == 0.0f)
        add_value(sums, w, values + j * MATRIX_PANEL, w->scores[r * w->stride + j]);
  }
}

void flash_strip_attend(FlashStrip *strip, const FlashWorkspace *workspace, const PackedHead *head,
                        const KeyStretch *stretch) {
  bool careful = hides_infinite(head, stretch);
  multiply_keys(strip, workspace, head, stretch);
  softmax(strip, workspace, stretch);
  if (careful) find_hidden(strip, workspace, stretch);
  (careful ? add_visible : multiply_values)(strip, workspace, head, stretch);
  strip->started = true;
}

void flash_strip_finish(FlashStrip *strip, const FlashWorkspace *workspace, Dtype dtype, void *out,
                        int64_t stride, float *lse) {
  const Kernels *kernels = workspace->kernels;
  int64_t dim = workspace->shape->head_dim, bytes = dtype_facts(dtype)->block_bytes;
  for (int r = 0; r < strip->rows; r++) {
    float *values = strip->values + r * workspace->shape->value_dim, sum = strip->sum[r];
    bool empty = sum == 0.0f;
    if (empty)
      memset(values, 0, (size_t)dim * sizeof *values);
    else
      kernels->scale(dim, values, 1.0f / sum, values);
    kernels->narrow(dtype, dim, values, (char *)out + r * stride * bytes);
    if (lse) lse[r] = empty ? -INFINITY : strip->largest[r] + logf(sum);
  }
}
