// SPDX-License-Identifier: Apache-2.0
#include "attention/key_summary.h"
#include "attention/score_call.h"
#include <math.h>
#include <string.h>

enum {
  BLOCK_FLOATS = 32 * 1024, // of keys, and again of values: what a second-level cache holds
  LEAST_BLOCK = 128,
  MOST_BLOCK = 512,
  BLOCK_STEP = 2 * MATRIX_PANEL
};
_Static_assert((int)MOST_BLOCK <= SCORE_TILE_COLUMNS, "scores of a block of keys are one tile");

static int64_t round_up(int64_t value, int64_t step) {
  return (value + step - 1) / step * step;
}

static int64_t within(int64_t value, int64_t least, int64_t most) {
  if (value < least) return least;
  return value > most ? most : value;
}

int64_t key_block_keys(int64_t asked, int64_t head_dim) {
  if (asked) return within(round_up(asked, BLOCK_STEP), BLOCK_STEP, SCORE_TILE_COLUMNS);
  int64_t floats = round_up(head_dim, MATRIX_PANEL);
  return within(BLOCK_FLOATS / floats / BLOCK_STEP * BLOCK_STEP, LEAST_BLOCK, MOST_BLOCK);
}

void key_summary_start(int64_t rows, int64_t dim, const KeySummary *summary) {
  for (int64_t r = 0; r < rows; r++) summary->largest[r] = -INFINITY;
  memset(summary->sum, 0, (size_t)rows * sizeof *summary->sum);
  memset(summary->values, 0, (size_t)(rows * dim) * sizeof *summary->values);
}

// What is seen under `largest` is worth under the largest of both.
static float worth(float largest, float both) {
  return largest == both ? 1.0f : expf(largest - both);
}

static void merge_row(const Kernels *kernels, int64_t dim, const KeySummary *total,
                      const KeySummary *other) {
  if (*other->sum == 0.0f) return;
  if (*total->sum == 0.0f) {
    memcpy(total->values, other->values, (size_t)dim * sizeof *total->values);
    *total->largest = *other->largest;
    *total->sum = *other->sum;
    return;
  }
  float both = *total->largest > *other->largest ? *total->largest : *other->largest;
  float kept = worth(*total->largest, both), added = worth(*other->largest, both);
  if (kept != 1.0f) kernels->scale(dim, total->values, kept, total->values);
  kernels->add_scaled(dim, other->values, added, total->values);
  *total->sum = *total->sum * kept + *other->sum * added;
  *total->largest = both;
}

void key_summary_merge(const Kernels *kernels, int64_t rows, int64_t dim, const KeySummary *total,
                       const KeySummary *other) {
  for (int64_t r = 0; r < rows; r++) {
    KeySummary a = key_summary_at(total, dim, r), b = key_summary_at(other, dim, r);
    merge_row(kernels, dim, &a, &b);
  }
}

void key_summary_finish(const Kernels *kernels, int64_t dim, const KeySummary *summary, Dtype dtype,
                        void *out, float *lse) {
  bool empty = *summary->sum == 0.0f;
  if (empty)
    memset(summary->values, 0, (size_t)dim * sizeof *summary->values);
  else
    kernels->scale(dim, summary->values, 1.0f / *summary->sum, summary->values);
  kernels->narrow(dtype, dim, summary->values, out);
  if (lse) *lse = empty ? -INFINITY : *summary->largest + logf(*summary->sum);
}
