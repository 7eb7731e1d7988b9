// SPDX-License-Identifier: Apache-2.0
// What some queries have seen of some keys: the largest score, Σ exp(score - largest) and the
// values weighted so. Summaries of different keys can be merged (Rabe & Staats 2021,
// arXiv:2112.05682; Milakov & Gimelshein 2018, arXiv:1805.02867).
//
// Every implementation that has blocks of keys makes a summary of each by itself, and merges them
// in order. With blocks that begin at the same keys a query thus gets the same bits whether it is
// one of a prompt or decoded, and wherever its keys lie.
#pragma once
#include "kernels/kernels.h"

// [rows][dim] and [rows]. Where the sum is 0 nothing was seen.
typedef struct {
  float *values, *largest, *sum;
} KeySummary;

// From row `row` on.
static inline KeySummary key_summary_at(const KeySummary *summary, int64_t dim, int64_t row) {
  return (KeySummary){summary->values + row * dim, summary->largest + row, summary->sum + row};
}

// Keys of a block, a multiple of 2 * MATRIX_PANEL and at most SCORE_TILE_COLUMNS: as many as are
// asked for, or, asked for 0, as a second-level cache holds with their values.
int64_t key_block_keys(int64_t asked, int64_t head_dim);

// Of no keys.
void key_summary_start(int64_t rows, int64_t dim, const KeySummary *summary);
// total: of the rows, becomes that of both. Overwrites the other.
void key_summary_merge(const Kernels *kernels, int64_t rows, int64_t dim, const KeySummary *total,
                       const KeySummary *other);
// One row to out (dtype) and lse (NULL: not wanted). Overwrites the values.
void key_summary_finish(const Kernels *kernels, int64_t dim, const KeySummary *summary, Dtype dtype,
                        void *out, float *lse);
