// SPDX-License-Identifier: Apache-2.0
#include "kernels/linear_argmax.h"
#include "kernels/kernels.h"
#include <math.h>

enum { BLOCK_PANELS = 64, BLOCK = BLOCK_PANELS * MATRIX_PANEL, ALIGNMENT = 64 };

// The best of the columns that one thread has seen, in one row.
typedef struct {
  float value;
  int32_t index; // -1: none yet
} Best;

// Scratch: Best [threads][rows], each thread's in lines of its own, then streamed: block of y
// [threads][rows][BLOCK], else: y [rows, rows of W] and what linear_run wants.
typedef struct {
  const Kernels *kernels;
  const Linear *linear;
  Best *best;
  float *y;
} Job;

static int64_t aligned(int64_t bytes) {
  return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static int64_t best_bytes(int64_t rows, int threads) {
  return threads * aligned(rows * (int64_t)sizeof(Best));
}

static Best *best_of(const Best *best, int64_t rows, int thread) {
  return (Best *)((char *)best + best_bytes(rows, thread));
}

static int64_t logits_bytes(int64_t rows, const Matrix *matrix) {
  return aligned(rows * matrix->rows * (int64_t)sizeof(float));
}

int64_t linear_argmax_scratch_bytes(const Kernels *kernels, int64_t rows, const Matrix *matrix,
                                    int threads) {
  int64_t bytes = best_bytes(rows, threads);
  if (rows <= kernels->streamed_rows)
    return bytes + threads * rows * BLOCK * (int64_t)sizeof(float);
  return bytes + logits_bytes(rows, matrix) + linear_scratch_bytes(rows, matrix->columns, threads);
}

// Columns come in order, so that of equals the first stays; a NaN beats all but a NaN.
static void consider(Best *best, float value, int32_t index) {
  if (best->index >= 0 && (isnan(best->value) || !(isnan(value) || value > best->value))) return;
  *best = (Best){value, index};
}

// Columns [begin, begin + count) of every row.
static void consider_columns(const Job *job, const float *y, int64_t y_stride, int64_t begin,
                             int64_t count, Best *best) {
  for (int64_t row = 0; row < job->linear->rows; row++) {
    const float *values = y + row * y_stride;
    int64_t index = job->kernels->argmax(count, values);
    consider(&best[row], values[index], (int32_t)(begin + index));
  }
}

static void clear(Best *best, int64_t rows) {
  for (int64_t row = 0; row < rows; row++) best[row] = (Best){0.0f, -1};
}

// The panels [first, last) as a product of their own, into `y`.
static int64_t stream_block(const Job *job, int64_t first, int64_t last, float *y) {
  const Matrix *whole = job->linear->matrix;
  int64_t begin = first * MATRIX_PANEL, end = last * MATRIX_PANEL;
  if (end > whole->rows) end = whole->rows;
  int64_t offset = first * matrix_panel_bytes(whole->dtype, whole->columns);
  Matrix part = {whole->dtype, end - begin, whole->columns, (const char *)whole->panels + offset,
                 whole->bias ? whole->bias + begin : NULL};
  Linear linear = *job->linear;
  linear.matrix = &part;
  linear.y = y;
  linear.y_stride = BLOCK;
  job->kernels->linear_direct(&linear, 0, last - first);
  return end - begin;
}

static void stream_task(void *context, int thread, int threads) {
  const Job *job = context;
  int64_t rows = job->linear->rows, first, end;
  Best *best = best_of(job->best, rows, thread);
  float *y = job->y + thread * rows * BLOCK;
  clear(best, rows);
  team_share(matrix_panels(job->linear->matrix->rows), 1, thread, threads, &first, &end);
  for (int64_t panel = first; panel < end; panel += BLOCK_PANELS) {
    int64_t last = panel + BLOCK_PANELS < end ? panel + BLOCK_PANELS : end;
    int64_t count = stream_block(job, panel, last, y);
    consider_columns(job, y, BLOCK, panel * MATRIX_PANEL, count, best);
  }
}

static void scan_task(void *context, int thread, int threads) {
  const Job *job = context;
  int64_t rows = job->linear->rows, columns = job->linear->matrix->rows, begin, end;
  Best *best = best_of(job->best, rows, thread);
  clear(best, rows);
  team_share(columns, MATRIX_PANEL, thread, threads, &begin, &end);
  if (begin < end) consider_columns(job, job->y + begin, columns, begin, end - begin, best);
}

static void merge(const Job *job, int threads, int32_t *indices) {
  int64_t rows = job->linear->rows;
  for (int64_t row = 0; row < rows; row++) {
    Best best = job->best[row];
    for (int thread = 1; thread < threads; thread++) {
      const Best *other = &best_of(job->best, rows, thread)[row];
      if (other->index >= 0) consider(&best, other->value, other->index);
    }
    indices[row] = best.index;
  }
}

static Job job_of(const Kernels *kernels, const Linear *linear, int threads) {
  char *scratch = linear->scratch;
  return (Job){kernels, linear, linear->scratch,
               (float *)(scratch + best_bytes(linear->rows, threads))};
}

static bool is_streamed(const Job *job) {
  return job->linear->rows <= job->kernels->streamed_rows;
}

// The product of many rows, into y.
static Linear whole_of(const Job *job) {
  Linear whole = *job->linear;
  whole.y = job->y;
  whole.y_stride = whole.matrix->rows;
  whole.scratch = (char *)job->y + logits_bytes(whole.rows, whole.matrix);
  return whole;
}

void linear_argmax_run(const Kernels *kernels, Team *team, const Linear *linear, int32_t *indices) {
  Job job = job_of(kernels, linear, team_size(team));
  if (is_streamed(&job)) {
    team_run(team, stream_task, &job);
  } else {
    Linear whole = whole_of(&job);
    linear_run(kernels, team, &whole);
    team_run(team, scan_task, &job);
  }
  merge(&job, team_size(team), indices);
}

void linear_argmax_run_part(const Kernels *kernels, Team *team, const Linear *linear,
                            int32_t *indices, int thread, int threads) {
  Job job = job_of(kernels, linear, threads);
  if (is_streamed(&job)) {
    stream_task(&job, thread, threads);
  } else {
    Linear whole = whole_of(&job);
    linear_run_part(kernels, team, &whole, thread, threads);
    if (threads > 1) team_barrier(team);
    scan_task(&job, thread, threads);
  }
  if (threads > 1) team_barrier(team);
  if (thread == 0) merge(&job, threads, indices);
}
