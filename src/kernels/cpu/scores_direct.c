// SPDX-License-Identifier: Apache-2.0
// A few queries against the keys of a cache: every key is read once for all of them.
#include "kernels/cpu/direct.h"
#include <string.h>

enum {
  SCORE_ROWS = LANES == 16 ? 4 : 2, // whose sums with a few keys stay in registers
  DEPTH_BLOCK = 256                 // elements of a key at a time
};

// The last elements of a row, fewer than PAIR, in order, zeros after them.
static __attribute__((noinline)) void widen_rest(Dtype dtype, const char *row, int64_t index,
                                                 int64_t count, float rest[PAIR]) {
  int64_t whole = count < LANES ? 0 : LANES;
  memset(rest, 0, PAIR * sizeof *rest);
  if (whole) vector_store(rest, vector_load_as(dtype, row, index));
  for (int64_t i = whole; i < count; i++) rest[i] = b_value(dtype, row, index + i);
}

// All rows of A, elements [k, k + depth) of each, as keys of its dtype meet them.
typedef struct {
  float rows[DIRECT_ROWS][DEPTH_BLOCK];
} Queries;

static ALWAYS_INLINE void load_queries(const Matmul *product, Dtype dtype, int64_t k, int64_t depth,
                                       Queries *queries) {
  for (int64_t r = 0; r < product->rows; r++) {
    const float *a = product->a + r * product->a_row + k;
    float *out = queries->rows[r];
    int64_t i = 0;
    for (; i + PAIR <= depth; i += PAIR) {
      Vector pair[2] = {vector_load(a + i), vector_load(a + i + LANES)};
      if (dtype == DTYPE_BF16) vector_part_pair(pair);
      vector_store(out + i, pair[0]);
      vector_store(out + i + LANES, pair[1]);
    }
    if (i == depth) continue;
    memset(out + i, 0, PAIR * sizeof *out);
    memcpy(out + i, a + i, (size_t)(depth - i) * sizeof *out);
  }
}

// Keys of a cache, from an element on, `step` bytes from one to the next.
typedef struct {
  const char *row;
  int64_t step, ahead;
} Keys;

// Adds what PAIR elements from k on give (`rest` of them if that is not 0): of `rows` queries with
// `count` keys, both constants, to sums[row * count + key].
static ALWAYS_INLINE void add_products(int rows, int count, Dtype dtype,
                                       const float (*queries)[DEPTH_BLOCK], const Keys *keys,
                                       int64_t k, int64_t rest, Vector sums[LANES]) {
  Vector key[LANES][2];
#pragma GCC unroll 16
  for (int i = 0; i < count; i++) {
    const char *row = keys->row + i * keys->step;
    if (rest) {
      float last[PAIR];
      widen_rest(dtype, row, k, rest, last);
      key[i][0] = vector_load(last);
      key[i][1] = vector_load(last + LANES);
    } else {
      prefetch(row + keys->ahead + k * size_of(dtype), dtype, 2);
      load_pair(dtype, row, k, key[i]);
    }
  }
#pragma GCC unroll 2
  for (int half = 0; half < 2; half++)
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
      Vector query = vector_hold(vector_load(queries[r] + k + half * LANES));
#pragma GCC unroll 16
      for (int i = 0; i < count; i++)
        sums[r * count + i] = vector_fma(query, key[i][half], sums[r * count + i]);
    }
}

// c[row, key) = or += the products of `rows` queries with `count` keys, both constants.
static ALWAYS_INLINE void score(int rows, int count, Dtype dtype,
                                const float (*queries)[DEPTH_BLOCK], const Keys *keys,
                                int64_t depth, bool added, float *c, int64_t c_row) {
  Vector sums[LANES];
  float out[LANES];
  int64_t k = 0;
#pragma GCC unroll 16
  for (int i = 0; i < LANES; i++) sums[i] = vector_zero();
  for (; k + PAIR <= depth; k += PAIR) add_products(rows, count, dtype, queries, keys, k, 0, sums);
  if (k < depth) add_products(rows, count, dtype, queries, keys, k, depth - k, sums);
  vector_store(out, vector_sum_rows(sums));
  for (int r = 0; r < rows; r++)
    for (int i = 0; i < count; i++)
      c[r * c_row + i] = (added ? c[r * c_row + i] : 0.0f) + out[r * count + i];
}

// Some depth of up to LANES keys against all rows.
typedef struct {
  const Queries *queries;
  Keys keys;
  int64_t count, rows, depth, c_row;
  bool added;
  float *c;
} KeyTask;

// `rows` (a constant) queries from `first` on; what they leave of the keys one by one, in sums of
// the same order.
static ALWAYS_INLINE void score_rows(const KeyTask *task, Dtype dtype, int rows, int64_t first) {
  const int step = LANES / (rows == 3 ? 4 : rows);
  const float(*queries)[DEPTH_BLOCK] = task->queries->rows + first;
  float *c = task->c + first * task->c_row;
  Keys keys = task->keys;
  int64_t key = 0;
  if (first) keys.ahead = 0; // they have been asked for
  for (; key + step <= task->count; key += step, keys.row += step * keys.step)
    score(rows, step, dtype, queries, &keys, task->depth, task->added, c + key, task->c_row);
  for (; key < task->count; key++, keys.row += keys.step)
    for (int r = 0; r < rows; r++)
      score(1, 1, dtype, queries + r, &keys, task->depth, task->added, c + r * task->c_row + key,
            0);
}

// What is read for the first rows is in the nearest cache for the others.
static ALWAYS_INLINE void score_keys(const KeyTask *task, Dtype dtype) {
  int64_t row = 0;
  for (; row + SCORE_ROWS <= task->rows; row += SCORE_ROWS)
    score_rows(task, dtype, SCORE_ROWS, row);
  switch (task->rows - row) {
  case 3: score_rows(task, dtype, LANES == 16 ? 3 : 1, row); break;
  case 2: score_rows(task, dtype, LANES == 16 ? 2 : 1, row); break;
  case 1: score_rows(task, dtype, 1, row); break;
  }
}

static ALWAYS_INLINE void scores(const Matmul *product, Dtype dtype, int64_t begin, int64_t end) {
  Queries queries;
  for (int64_t k = 0; k < product->depth; k += DEPTH_BLOCK) {
    KeyTask task = {.queries = &queries,
                    .keys = {.step = product->b_row * size_of(dtype),
                             .ahead = ahead_of(product, dtype, product->depth)},
                    .rows = product->rows,
                    .depth = smaller(DEPTH_BLOCK, product->depth - k),
                    .c_row = product->c_row,
                    .added = k > 0};
    load_queries(product, dtype, k, task.depth, &queries);
    for (int64_t key = begin; key < end; key += LANES) {
      task.keys.row = b_row(product, dtype, key) + k * size_of(dtype);
      task.count = smaller(LANES, end - key);
      task.c = product->c + key;
      score_keys(&task, dtype);
    }
  }
}

void TIER_FUNCTION(scores_direct)(const Matmul *product, int64_t begin, int64_t end) {
  switch (product->dtype) {
  case DTYPE_BF16: scores(product, DTYPE_BF16, begin, end); break;
  case DTYPE_F16: scores(product, DTYPE_F16, begin, end); break;
  default: scores(product, DTYPE_F32, begin, end); break;
  }
}
