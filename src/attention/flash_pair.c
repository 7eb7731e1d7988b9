// SPDX-License-Identifier: Apache-2.0
#include "attention/flash_pair.h"
#include "attention/stretch_scores.h"
#include <math.h>
#include <string.h>

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t round_up(int64_t value, int64_t step) {
  return (value + step - 1) / step * step;
}

static int64_t score_bytes(const PairShape *shape, int64_t rows) {
  return rows * shape->score_line * (int64_t)sizeof(float);
}

int64_t pair_work_bytes(const PairShape *shape, const Kernels *kernels, const ScoreStage *stage) {
  int64_t scratch = stage ? round_up(stage->scratch_bytes, MATRIX_ALIGNMENT) : 0;
  return score_bytes(shape, 2 * shape->queries + kernels->tile_rows) + scratch;
}

PairWork pair_work_at(const PairShape *shape, const AttentionProblem *problem,
                      const Kernels *kernels, const ScoreStage *stage, void *memory) {
  PairWork work = {.kernels = kernels,
                   .stage = stage,
                   .shape = *shape,
                   .scale = (float)problem->scale,
                   .scores = memory};
  work.products = work.scores + shape->queries * shape->score_line;
  work.slopes = work.products + shape->queries * shape->score_line;
  work.scratch = work.slopes + kernels->tile_rows * shape->score_line;
  return work;
}

// The keys that a strip sees, from the stretches that its stage tells.
static void see(PairStrip *strip, const PairWork *work, const QueryBlock *queries,
                const KeyBlock *keys) {
  KeyRuns runs;
  KeyStretch stretch;
  int64_t end = keys->first + keys->count;
  key_runs_start(&runs, work->stage, queries->batch, queries->head, queries->first + strip->row,
                 strip->rows);
  while (key_runs_next(&runs, keys->first, &stretch)) {
  }
  for (int count = 0; key_runs_next(&runs, end, &stretch); count++) {
    if (count == 0) strip->first = (int16_t)(stretch.first - keys->first);
    strip->last = (int16_t)(stretch.last - keys->first);
    strip->uneven |= stretch.parts > 0 || count > 0;
  }
}

// Rows [row, end) of the block, which lie in one block of the stage.
static bool cut(PairWork *work, const QueryBlock *queries, const KeyBlock *keys, int64_t row,
                int64_t end) {
  bool any = false;
  int64_t count = (end - row + work->kernels->tile_rows - 1) / work->kernels->tile_rows;
  for (int64_t left = count; left > 0; left--) {
    PairStrip *strip = &work->strips[work->strip_count++];
    *strip = (PairStrip){.row = (int16_t)row, .rows = (int16_t)((end - row + left - 1) / left)};
    if (work->stage)
      see(strip, work, queries, keys);
    else
      strip->last = (int16_t)keys->count;
    any |= strip->first < strip->last;
    row += strip->rows;
  }
  return any;
}

bool pair_meet(PairWork *work, const QueryBlock *queries, const KeyBlock *keys) {
  bool any = false;
  int64_t block = work->stage ? work->stage->block_rows : PAIR_MOST_QUERIES;
  work->strip_count = 0;
  for (int64_t row = 0, end; row < queries->count; row = end) {
    end = smaller(queries->count, ((queries->first + row) / block + 1) * block - queries->first);
    any |= cut(work, queries, keys, row, end);
  }
  return any;
}

// scores = rows panelsᵀ for what the strips see: S from q and K, dP from dout and V.
static void score_products(const PairWork *work, const KeyBlock *keys, const float *rows,
                           const float *panels, float *scores) {
  const PairShape *shape = &work->shape;
  int64_t count = round_up(keys->count, MATRIX_PANEL) / MATRIX_PANEL, width;
  for (int64_t panel = 0; panel < count; panel += width) {
    width = smaller(work->kernels->tile_panels, count - panel);
    int64_t begin = panel * MATRIX_PANEL, end = (panel + width) * MATRIX_PANEL;
    for (int i = 0; i < work->strip_count; i++) {
      const PairStrip *strip = &work->strips[i];
      if (strip->last <= begin || strip->first >= end || strip->first == strip->last) continue;
      work->kernels->tile(
          &(Tile){.depth = shape->head_dim,
                  .rows = strip->rows,
                  .panels = (int)width,
                  .a = rows + strip->row * shape->line,
                  .a_stride = shape->line,
                  .b = panels + begin * shape->head_dim,
                  .panel_bytes = shape->head_dim * MATRIX_PANEL * (int64_t)sizeof(float),
                  .c = scores + strip->row * shape->score_line + begin,
                  .c_stride = shape->score_line});
    }
  }
}

static void fill(const PairWork *work, const PairStrip *strip, float *scores, int64_t first,
                 int64_t last, float value) {
  for (int64_t row = strip->row; row < strip->row + strip->rows; row++)
    for (int64_t i = first; i < last; i++) scores[row * work->shape.score_line + i] = value;
}

static ScoreTile tile_of(const PairWork *work, const QueryBlock *queries, const KeyBlock *keys,
                         const PairStrip *strip, int64_t first, int64_t last) {
  return (ScoreTile){.batch = queries->batch,
                     .head = queries->head,
                     .query = queries->first + strip->row,
                     .key = keys->first + first,
                     .rows = strip->rows,
                     .columns = last - first,
                     .stride = work->shape.score_line};
}

// A stretch of keys of the strip: what the stage does to its scores, which become scaled where it
// has a score_mod. `at`: of its first key in the block.
static void apply_stretch(const PairWork *work, ScoreTile tile, const KeyStretch *stretch,
                          int64_t at, int64_t row) {
  const ScoreStage *stage = work->stage;
  int64_t offset = row * work->shape.score_line + at;
  float *scores = work->scores + offset;
  if (!stage->code || !stage->code->backward) {
    stretch_scores_mask(stage, stretch, tile, scores, work->scratch);
    return;
  }
  tile.columns = stretch->last - stretch->first;
  ScoreCall call = {.tile = tile,
                    .parts = stretch->partial,
                    .part_count = stretch->parts,
                    .scores = scores,
                    .slopes = work->slopes + at,
                    .scratch = work->scratch,
                    .given = &stage->code->given,
                    .scale = work->scale};
  stage->code->backward(&call);
}

// The stretches of keys that the strip sees, and -infinity between them.
static void apply_stretches(const PairWork *work, const QueryBlock *queries, const KeyBlock *keys,
                            const PairStrip *strip) {
  KeyRuns runs;
  KeyStretch stretch;
  int64_t done = strip->first, end = keys->first + keys->count;
  key_runs_start(&runs, work->stage, queries->batch, queries->head, queries->first + strip->row,
                 strip->rows);
  while (key_runs_next(&runs, keys->first, &stretch)) {
  }
  while (key_runs_next(&runs, end, &stretch)) {
    int64_t first = stretch.first - keys->first;
    fill(work, strip, work->scores, done, first, -INFINITY);
    done = stretch.last - keys->first;
    apply_stretch(work, tile_of(work, queries, keys, strip, first, done), &stretch, first,
                  strip->row);
  }
}

static ScoreGradients gradients_of(const PairWork *work, const QueryBlock *queries,
                                   const PairStrip *strip, float scale) {
  int64_t at = strip->row * work->shape.score_line + strip->first;
  return (ScoreGradients){.rows = strip->rows,
                          .columns = strip->last - strip->first,
                          .stride = work->shape.score_line,
                          .scale = scale,
                          .scores = work->scores + at,
                          .products = work->products + at,
                          .lse = queries->lse + strip->row,
                          .delta = queries->delta + strip->row};
}

// A derivative may be infinite where its factor is 0.
static void clear_hidden(const ScoreGradients *gradients) {
  for (int64_t row = 0; row < gradients->rows; row++) {
    const float *p = gradients->scores + row * gradients->stride;
    float *ds = gradients->products + row * gradients->stride;
    for (int64_t i = 0; i < gradients->columns; i++) ds[i] = p[i] == 0.0f ? 0.0f : ds[i];
  }
}

static void keep_raw(const PairWork *work, const ScoreGradients *gradients) {
  for (int64_t row = 0; row < gradients->rows; row++)
    memcpy(work->slopes + row * gradients->stride, gradients->scores + row * gradients->stride,
           (size_t)gradients->columns * sizeof(float));
}

static void scale_scores(const PairWork *work, const ScoreGradients *gradients) {
  for (int64_t row = 0; row < gradients->rows; row++) {
    float *scores = gradients->scores + row * gradients->stride;
    work->kernels->scale(gradients->columns, scores, work->scale, scores);
  }
}

// P and dS of a strip whose stage has a score_mod, function by function. Slopes: the raw scores.
static void modified_gradients(const PairWork *work, const QueryBlock *queries,
                               const KeyBlock *keys, const PairStrip *strip) {
  const ScoreStage *stage = work->stage;
  ScoreGradients gradients = gradients_of(work, queries, strip, 1.0f);
  ScoreTile tile = tile_of(work, queries, keys, strip, strip->first, strip->last);
  scale_scores(work, &gradients);
  if (stage->derive) keep_raw(work, &gradients);
  stage->modify(stage, &tile, gradients.scores, work->scratch);
  if (strip->uneven) apply_stretches(work, queries, keys, strip);
  work->kernels->score_gradients(&gradients);
  if (!stage->derive) return;
  stage->derive(stage, &tile, work->slopes, gradients.products, work->scratch);
  clear_hidden(&gradients);
}

// P and dS of a strip: through the stage's code, or without a score_mod.
static void strip_gradients(const PairWork *work, const QueryBlock *queries, const KeyBlock *keys,
                            const PairStrip *strip) {
  const ScoreStage *stage = work->stage;
  const ScoreCode *code = stage ? stage->code : NULL;
  bool uneven = stage && strip->uneven;
  bool modified = code && code->backward;
  bool scaled = uneven && !(work->scale > 0.0f); // -infinity is to stay what it is
  ScoreGradients gradients =
      gradients_of(work, queries, strip, modified || scaled ? 1.0f : work->scale);
  if (scaled && !modified) scale_scores(work, &gradients);
  if (modified && code->sloped) gradients.slopes = work->slopes + strip->first;
  if (modified || uneven) apply_stretches(work, queries, keys, strip);
  work->kernels->score_gradients(&gradients);
}

// P and dS of all strips, 0 where they see nothing.
static void score_gradients(const PairWork *work, const QueryBlock *queries, const KeyBlock *keys) {
  for (int i = 0; i < work->strip_count; i++) {
    const PairStrip *strip = &work->strips[i];
    float *both[] = {work->scores, work->products};
    for (int j = 0; j < 2; j++) {
      fill(work, strip, both[j], 0, strip->first, 0.0f);
      fill(work, strip, both[j], strip->last, keys->count, 0.0f);
    }
    if (strip->first == strip->last) continue;
    bool by_function = work->stage && work->stage->modify && !work->stage->code;
    (by_function ? modified_gradients : strip_gradients)(work, queries, keys, strip);
  }
}

// The rows of queries that see any key of the tile.
static void find_rows(const PairWork *work, PairKeys *tile) {
  int last = tile->key + tile->count;
  for (int i = 0; i < work->strip_count; i++) {
    const PairStrip *strip = &work->strips[i];
    if (strip->first == strip->last || strip->first >= last || strip->last <= tile->key) continue;
    if (tile->first == tile->last) tile->first = strip->row;
    tile->last = (int16_t)(strip->row + strip->rows);
  }
}

static void cut_keys(PairWork *work, const KeyBlock *keys) {
  int64_t count = (keys->count + work->kernels->tile_rows - 1) / work->kernels->tile_rows, key = 0;
  work->tile_count = (int)count;
  for (int64_t i = 0; i < count; i++) {
    int64_t size = (keys->count - key + count - i - 1) / (count - i);
    work->tiles[i] = (PairKeys){.key = (int16_t)key, .count = (int16_t)size};
    find_rows(work, &work->tiles[i]);
    key += size;
  }
}

// sums += weightsᵀ rows: dv from P and dout, dk from dS and q.
static void key_products(const PairWork *work, const float *weights, const float *rows,
                         float *sums) {
  const PairShape *shape = &work->shape;
  int64_t step = work->kernels->tile_panels * MATRIX_PANEL;
  for (int64_t column = 0; column < shape->width; column += step)
    for (int i = 0; i < work->tile_count; i++) {
      const PairKeys *keys = &work->tiles[i];
      if (keys->first == keys->last) continue;
      float *c = sums + keys->key * shape->line + column;
      work->kernels->tile(
          &(Tile){.depth = keys->last - keys->first,
                  .rows = keys->count,
                  .panels = (int)(smaller(step, shape->width - column) / MATRIX_PANEL),
                  .a = weights + keys->first * shape->score_line + keys->key,
                  .a_step = shape->score_line,
                  .b = rows + keys->first * shape->line + column,
                  .panel_bytes = MATRIX_PANEL * (int64_t)sizeof(float),
                  .b_step = shape->line,
                  .initial = c,
                  .initial_stride = shape->line,
                  .c = c,
                  .c_stride = shape->line});
    }
}

// dq += dS k
static void query_products(const PairWork *work, const QueryBlock *queries, const KeyBlock *keys) {
  const PairShape *shape = &work->shape;
  int64_t step = work->kernels->tile_panels * MATRIX_PANEL;
  for (int64_t column = 0; column < shape->width; column += step)
    for (int i = 0; i < work->strip_count; i++) {
      const PairStrip *strip = &work->strips[i];
      if (strip->first == strip->last) continue;
      float *sums = queries->dq + strip->row * shape->line + column;
      work->kernels->tile(
          &(Tile){.depth = strip->last - strip->first,
                  .rows = strip->rows,
                  .panels = (int)(smaller(step, shape->width - column) / MATRIX_PANEL),
                  .a = work->products + strip->row * shape->score_line + strip->first,
                  .a_stride = shape->score_line,
                  .b = keys->k + strip->first * shape->line + column,
                  .panel_bytes = MATRIX_PANEL * (int64_t)sizeof(float),
                  .b_step = shape->line,
                  .initial = sums,
                  .initial_stride = shape->line,
                  .c = sums,
                  .c_stride = shape->line});
    }
}

void pair_run(PairWork *work, const QueryBlock *queries, const KeyBlock *keys) {
  score_products(work, keys, queries->q, keys->k_panels, work->scores);
  score_products(work, keys, queries->dout, keys->v_panels, work->products);
  score_gradients(work, queries, keys);
  cut_keys(work, keys);
  key_products(work, work->scores, queries->dout, keys->dv);
  key_products(work, work->products, queries->q, keys->dk);
  query_products(work, queries, keys);
}
