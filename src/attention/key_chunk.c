// SPDX-License-Identifier: Apache-2.0
#include "attention/key_chunk.h"
#include "attention/head_rows.h"
#include "attention/stretch_scores.h"
#include <math.h>
#include <string.h>

static int64_t round_up(int64_t value, int64_t step) {
  return (value + step - 1) / step * step;
}

static int64_t float_bytes(const AttentionProblem *problem, int64_t most_rows, int64_t chunk) {
  int64_t floats = most_rows * (2 * chunk + 2) + problem->head_dim;
  return round_up(floats * (int64_t)sizeof(float), MATRIX_ALIGNMENT);
}

int64_t key_chunk_bytes(const AttentionProblem *problem, int64_t stage_scratch, int64_t most_rows,
                        int64_t chunk) {
  return float_bytes(problem, most_rows, chunk) +
         round_up(matmul_scratch_bytes(1), MATRIX_ALIGNMENT) +
         round_up(stage_scratch, MATRIX_ALIGNMENT);
}

void key_chunk_place(KeyChunkWork *work, void *memory) {
  int64_t floats = float_bytes(work->problem, work->most_rows, work->chunk);
  work->scores = memory;
  work->hidden = work->scores + work->most_rows * work->chunk;
  work->value = work->hidden + work->most_rows * work->chunk;
  work->factor = work->value + work->problem->head_dim;
  work->found = work->factor + work->most_rows;
  work->product = (char *)memory + floats;
  work->scratch = (char *)work->product + round_up(matmul_scratch_bytes(1), MATRIX_ALIGNMENT);
}

// What one call works on.
typedef struct {
  const KeyChunkWork *work;
  const ChunkRows *rows;
  const KeySummary *summary;
  const KeyStretch *stretch;
} Step;

static const void *row_of(const KeyChunkWork *work, const ChunkRows *rows, const Tensor *x,
                          int64_t key) {
  int64_t group = work->problem->heads / work->problem->kv_heads;
  return head_row(x, rows->batch, rows->head / group, key);
}

static Matmul product(const Step *step, const Tensor *b) {
  return (Matmul){.batches = 1,
                  .heads = 1,
                  .group = 1,
                  .rows = step->rows->rows,
                  .dtype = b->dtype,
                  .b = row_of(step->work, step->rows, b, step->stretch->first),
                  .b_row = b->stride[2],
                  .scratch = step->work->product};
}

static void multiply_keys(const Step *step) {
  const KeyChunkWork *work = step->work;
  Matmul scores = product(step, &work->operands->k);
  scores.transposed = true;
  scores.columns = step->stretch->last - step->stretch->first;
  scores.depth = scores.a_row = work->problem->head_dim;
  scores.a = step->rows->queries;
  scores.c = work->scores;
  scores.c_row = work->chunk;
  scores.next = row_of(work, step->rows, &work->operands->v, step->stretch->first);
  matmul_run_part(work->kernels, &scores, 0, 1);
}

// Of row `row` and those after it, without keys: all rows at once, or, where rows are heads, one.
static ScoreTile score_tile(const Step *step, int64_t row) {
  const ChunkRows *rows = step->rows;
  return (ScoreTile){.batch = rows->batch,
                     .head = rows->head + row,
                     .query = rows->query,
                     .rows = rows->heads ? 1 : rows->rows,
                     .stride = step->work->chunk};
}

static void apply_stage(const Step *step) {
  const KeyChunkWork *work = step->work;
  for (int64_t r = 0, count; r < step->rows->rows; r += count) {
    ScoreTile tile = score_tile(step, r);
    stretch_scores_apply(work->stage, step->stretch, tile, work->scores + r * work->chunk,
                         step->summary->largest + r, work->found + r, work->scratch);
    count = tile.rows;
  }
}

static void mask_hidden(const Step *step) {
  const KeyChunkWork *work = step->work;
  for (int64_t r = 0, count; r < step->rows->rows; r += count) {
    ScoreTile tile = score_tile(step, r);
    stretch_scores_mask(work->stage, step->stretch, tile, work->hidden + r * work->chunk,
                        work->scratch);
    count = tile.rows;
  }
}

static void softmax(const Step *step) {
  const KeyChunkWork *work = step->work;
  int64_t dim = work->problem->head_dim;
  SoftmaxRows softmax_rows = {.rows = step->rows->rows,
                              .columns = step->stretch->last - step->stretch->first,
                              .stride = work->chunk,
                              .scores = work->scores,
                              .largest = step->summary->largest,
                              .sum = step->summary->sum,
                              .factor = work->factor,
                              .found = work->stage->code ? work->found : NULL};
  bool grown = work->kernels->softmax_rows(&softmax_rows);
  for (int64_t r = 0; r < step->rows->rows && grown; r++) {
    float *values = step->summary->values + r * dim;
    work->kernels->scale(dim, values, work->factor[r], values);
  }
}

static void multiply_values(const Step *step) {
  const KeyChunkWork *work = step->work;
  Matmul values = product(step, &work->operands->v);
  values.added = true;
  values.columns = values.c_row = work->problem->head_dim;
  values.depth = step->stretch->last - step->stretch->first;
  values.a = work->scores;
  values.a_row = work->chunk;
  values.c = step->summary->values;
  values.next = row_of(work, step->rows, &work->operands->k, step->stretch->last);
  matmul_run_part(work->kernels, &values, 0, 1);
}

static bool hides_infinite(const Step *step) {
  const KeyChunkWork *work = step->work;
  const Tensor *v = &work->operands->v;
  int64_t dim = work->problem->head_dim;
  for (int i = 0; i < step->stretch->parts; i++)
    for (int64_t key = step->stretch->partial[i].first; key < step->stretch->partial[i].last;
         key++) {
      work->kernels->widen(v->dtype, dim, row_of(work, step->rows, v, key), work->value);
      if (!work->kernels->all_finite(dim, work->value)) return true;
    }
  return false;
}

// As multiply_values, but that what is hidden is not multiplied by 0: it may be infinite.
static void add_visible(const Step *step) {
  const KeyChunkWork *work = step->work;
  const Tensor *v = &work->operands->v;
  int64_t dim = work->problem->head_dim, keys = step->stretch->last - step->stretch->first;
  for (int64_t r = 0; r < step->rows->rows; r++)
    memset(work->hidden + r * work->chunk, 0, (size_t)keys * sizeof *work->hidden);
  mask_hidden(step);
  for (int64_t j = 0; j < keys; j++) {
    const void *value = row_of(work, step->rows, v, step->stretch->first + j);
    work->kernels->widen(v->dtype, dim, value, work->value);
    for (int64_t r = 0; r < step->rows->rows; r++)
      if (work->hidden[r * work->chunk + j] == 0.0f)
        work->kernels->add_scaled(dim, work->value, work->scores[r * work->chunk + j],
                                  step->summary->values + r * dim);
  }
}

void key_chunk_attend(const KeyChunkWork *work, const ChunkRows *rows, KeyRuns *runs, int64_t last,
                      const KeySummary *summary) {
  KeyStretch stretch;
  Step step = {.work = work, .rows = rows, .summary = summary, .stretch = &stretch};
  while (key_runs_next(runs, last, &stretch)) {
    multiply_keys(&step);
    apply_stage(&step);
    softmax(&step);
    (hides_infinite(&step) ? add_visible : multiply_values)(&step);
  }
}
