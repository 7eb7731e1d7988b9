// SPDX-License-Identifier: Apache-2.0
#include "attention/pair_blocks.h"
#include "attention/head_rows.h"

enum { KEY_FLOATS = 16384 }; // of a block of keys: its five arrays fit a second-level cache

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t round_up(int64_t value, int64_t step) {
  return (value + step - 1) / step * step;
}

static int64_t odd_lines(int64_t floats) {
  return (round_up(floats, MATRIX_PANEL) / MATRIX_PANEL | 1) * MATRIX_PANEL;
}

// Whole blocks of the stage where they are small.
static int64_t queries_of(const ScoreStage *stage) {
  int64_t rows = stage ? stage->block_rows : PAIR_MOST_QUERIES;
  return rows < PAIR_MOST_QUERIES ? PAIR_MOST_QUERIES / rows * rows : PAIR_MOST_QUERIES;
}

PairShape pair_shape(const AttentionProblem *problem, const ScoreStage *stage) {
  PairShape shape = {.head_dim = problem->head_dim,
                     .width = round_up(problem->head_dim, MATRIX_PANEL),
                     .line = odd_lines(problem->head_dim),
                     .queries = smaller(queries_of(stage), problem->queries)};
  int64_t keys = KEY_FLOATS / shape.width / (2 * MATRIX_PANEL) * (2 * MATRIX_PANEL);
  shape.keys = smaller(smaller(keys, PAIR_MOST_KEYS), round_up(problem->keys, MATRIX_PANEL));
  shape.score_line = odd_lines(shape.keys);
  return shape;
}

int64_t pair_rows_bytes(const PairShape *shape, int64_t rows) {
  return rows * shape->line * (int64_t)sizeof(float);
}

static int64_t panel_bytes(const PairShape *shape) {
  return round_up(shape->keys, MATRIX_PANEL) * shape->head_dim * (int64_t)sizeof(float);
}

int64_t key_block_bytes(const PairShape *shape) {
  return pair_rows_bytes(shape, shape->keys) + 2 * panel_bytes(shape);
}

KeyBlock key_block_at(const PairShape *shape, void *memory) {
  char *panels = (char *)memory + pair_rows_bytes(shape, shape->keys);
  return (KeyBlock){
      .k = memory, .k_panels = (float *)panels, .v_panels = (float *)(panels + panel_bytes(shape))};
}

static void load_panels(const KeyBlock *block, const PairShape *shape, const Kernels *kernels,
                        const Tensor *x, int64_t batch, int64_t head, float *panels) {
  for (int64_t i = 0; i < block->count; i += MATRIX_PANEL) {
    const void *source[MATRIX_PANEL];
    for (int j = 0; j < MATRIX_PANEL; j++)
      source[j] = i + j < block->count ? head_row(x, batch, head, block->first + i + j) : NULL;
    kernels->gather_panel(x->dtype, shape->head_dim, source, panels + i * shape->head_dim);
  }
}

void key_block_load(KeyBlock *block, const PairShape *shape, const Kernels *kernels,
                    const AttentionOperands *operands, int64_t batch, int64_t head, int64_t first,
                    int64_t count) {
  block->first = first;
  block->count = count;
  head_rows_load(kernels, &operands->k, batch, head, first, count, block->k, shape->line);
  load_panels(block, shape, kernels, &operands->k, batch, head, block->k_panels);
  load_panels(block, shape, kernels, &operands->v, batch, head, block->v_panels);
}

void query_block_load(const QueryBlock *block, const PairShape *shape, const Kernels *kernels,
                      const Tensor *q, const Tensor *dout) {
  head_rows_load(kernels, q, block->batch, block->head, block->first, block->count, block->q,
                 shape->line);
  head_rows_load(kernels, dout, block->batch, block->head, block->first, block->count, block->dout,
                 shape->line);
}
