// SPDX-License-Identifier: Apache-2.0
// A few queries against the keys of a cache as they lie: keys are turned on their way into
// registers, where a lane is a key, and every key is read once for some rows.
#include "kernels/cpu/direct.h"
#include <string.h>

enum {
  KEYS = MATRIX_PANEL,              // at a time
  GROUP = 4,                        // of them that are reached from one address, by strides
  SCORE_ROWS = LANES == 16 ? 4 : 2, // whose sums stay in registers
  PIECE = 4,                        // words of a key that are turned at a time
  LINE_PIECES = 4
};
_Static_assert(PIECE * 4 == (int)DIRECT_BYTES && KEYS == LINE_PIECES * GROUP,
               "a key is whole pieces; with each piece of a line a group is asked for");

// KEYS keys: from a byte of each to the same of the next, and of the one that is asked for.
typedef struct {
  const char *first;
  int64_t step, ahead, bytes;
  int64_t count; // of those that are there
} Keys;

// Where the piece at hand lies.
typedef struct {
  const char *group[KEYS / GROUP];
  const float *queries;
} Cursor;

typedef struct {
  Vector vector[SCORE_ROWS][PANEL_VECTORS];
} Sums;

// An element of each word.
static ALWAYS_INLINE Vector element_of(Dtype dtype, int element, Vector word) {
  if (dtype == DTYPE_BF16) return element ? vector_odd(word) : vector_even(word);
  if (dtype == DTYPE_F16) return element ? vector_odd_f16(word) : vector_even_f16(word);
  return word;
}

// sums += queries * an element of each key
static ALWAYS_INLINE void add_element(int rows, const float *queries, int64_t queries_row,
                                      const Vector element[PANEL_VECTORS], Sums *sums) {
#pragma GCC unroll 4
  for (int r = 0; r < rows; r++) {
    Vector query = vector_set(queries[r * queries_row]);
#pragma GCC unroll 2
    for (int v = 0; v < PANEL_VECTORS; v++)
      sums->vector[r][v] = vector_fma(query, element[v], sums->vector[r][v]);
  }
}

static ALWAYS_INLINE void load_piece(const Cursor *at, int64_t step,
                                     Vector piece[PANEL_VECTORS][PIECE]) {
  const float *row[KEYS];
#pragma GCC unroll 32
  for (int i = 0; i < KEYS; i++) row[i] = (const float *)(at->group[i / GROUP] + i % GROUP * step);
#pragma GCC unroll 2
  for (int v = 0; v < PANEL_VECTORS; v++) vector_load_columns(row + v * LANES, 0, piece[v]);
}

static ALWAYS_INLINE void add_piece(int rows, Dtype dtype, int64_t queries_row, int64_t step,
                                    Cursor *at, Sums *sums) {
  const int per_word = dtype == DTYPE_F32 ? 1 : 2;
  Vector piece[PANEL_VECTORS][PIECE], element[PANEL_VECTORS];
  load_piece(at, step, piece);
#pragma GCC unroll 8
  for (int i = 0; i < PIECE * per_word; i++) {
#pragma GCC unroll 2
    for (int v = 0; v < PANEL_VECTORS; v++)
      element[v] = element_of(dtype, i % per_word, piece[v][i / per_word]);
    add_element(rows, at->queries++, queries_row, element, sums);
  }
#pragma GCC unroll 8
  for (int g = 0; g < KEYS / GROUP; g++) at->group[g] += DIRECT_BYTES;
}

// A line of each key ahead, a group with each piece: so that what is asked for is spread.
static ALWAYS_INLINE void ask_ahead(const Keys *keys, const Cursor *at, int piece) {
  const char *ahead = at->group[piece] + keys->ahead;
#pragma GCC unroll 4
  for (int i = 0; i < GROUP; i++) __builtin_prefetch(ahead + i * keys->step);
}

static ALWAYS_INLINE Cursor first_piece(const Keys *keys, const float *queries) {
  Cursor at = {.queries = queries};
#pragma GCC unroll 8
  for (int g = 0; g < KEYS / GROUP; g++) {
    at.group[g] = keys->first + g * GROUP * keys->step;
    __asm__("" : "+r"(at.group[g])); // not worked out again from the first
  }
  return at;
}

static ALWAYS_INLINE int64_t part_of(const Keys *keys, int vector) {
  int64_t rest = keys->count - vector * LANES;
  return rest < 0 ? 0 : smaller(rest, LANES);
}

// Rows of A from `first` on, columns `key` … of C.
static ALWAYS_INLINE void score_rows(const Matmul *product, int rows, Dtype dtype, int64_t first,
                                     const Keys *keys, int64_t key) {
  Sums sums;
  float *c = product->c + first * product->c_row + key;
  int64_t byte = 0;
  for (int r = 0; r < rows; r++)
    for (int v = 0; v < PANEL_VECTORS; v++)
      sums.vector[r][v] =
          product->added ? vector_load_part(c + r * product->c_row + v * LANES, part_of(keys, v))
                         : vector_zero();
  Cursor at = first_piece(keys, product->a + first * product->a_row);
  for (; byte + LINE_PIECES * DIRECT_BYTES <= keys->bytes; byte += LINE_PIECES * DIRECT_BYTES)
#pragma GCC unroll 4
    for (int i = 0; i < LINE_PIECES; i++) {
      if (first == 0) ask_ahead(keys, &at, i);
      add_piece(rows, dtype, product->a_row, keys->step, &at, &sums);
    }
  for (; byte < keys->bytes; byte += DIRECT_BYTES)
    add_piece(rows, dtype, product->a_row, keys->step, &at, &sums);
  for (int r = 0; r < rows; r++)
    for (int v = 0; v < PANEL_VECTORS; v++)
      vector_store_part(c + r * product->c_row + v * LANES, sums.vector[r][v], part_of(keys, v));
}

// What is read for the first rows is in the nearest cache for the others.
static ALWAYS_INLINE void score_keys(const Matmul *product, Dtype dtype, const Keys *keys,
                                     int64_t key) {
  int64_t row = 0;
  for (; row + SCORE_ROWS <= product->rows; row += SCORE_ROWS)
    score_rows(product, SCORE_ROWS, dtype, row, keys, key);
  switch (product->rows - row) {
  case 3: score_rows(product, LANES == 16 ? 3 : 1, dtype, row, keys, key); break;
  case 2: score_rows(product, LANES == 16 ? 2 : 1, dtype, row, keys, key); break;
  case 1: score_rows(product, 1, dtype, row, keys, key); break;
  }
}

// The last keys, and zeros in the place of those that there are not.
static Keys copy_keys(const Keys *keys, char *room) {
  size_t bytes = (size_t)keys->bytes, count = (size_t)keys->count;
  for (size_t i = 0; i < count; i++)
    memcpy(room + i * bytes, keys->first + (int64_t)i * keys->step, bytes);
  memset(room + count * bytes, 0, (KEYS - count) * bytes);
  return (Keys){.first = room, .step = keys->bytes, .bytes = keys->bytes, .count = keys->count};
}

static ALWAYS_INLINE void scores(const Matmul *product, Dtype dtype, int64_t begin, int64_t end) {
  int64_t step = product->b_row * size_of(dtype), bytes = product->depth * size_of(dtype);
  int64_t key = begin;
  Keys keys = {.first = (const char *)product->b + begin * step,
               .step = step,
               .bytes = bytes,
               .count = KEYS};
  for (; key + KEYS <= end; key += KEYS, keys.first += KEYS * step) {
    keys.ahead = ahead_of(product, key, product->columns, bytes, KEYS);
    score_keys(product, dtype, &keys, key);
  }
  if (key == end) return;
  char room[KEYS * DIRECT_DEPTH * sizeof(float)];
  keys.count = end - key;
  Keys last = copy_keys(&keys, room);
  score_keys(product, dtype, &last, key);
}

void TIER_FUNCTION(scores_direct)(const Matmul *product, int64_t begin, int64_t end) {
  switch (product->dtype) {
  case DTYPE_BF16: scores(product, DTYPE_BF16, begin, end); break;
  case DTYPE_F16: scores(product, DTYPE_F16, begin, end); break;
  default: scores(product, DTYPE_F32, begin, end); break;
  }
}
