// SPDX-License-Identifier: Apache-2.0
#include "attention/block_detail.h"

typedef struct {
  const ModIntervals *intervals;
  const ModBox *block;
  int64_t rows, columns; // elements of a part
  BlockDetail detail;
} Look;

// Parts [row, row + size) x [column, column + size).
typedef struct {
  int row, column, size;
} Parts;

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static uint64_t bits_of(const Parts *parts) {
  uint64_t row = ((1u << parts->size) - 1u) << parts->column, bits = 0;
  for (int r = 0; r < parts->size; r++) bits |= row << (BLOCK_PARTS * (parts->row + r));
  return bits;
}

// NEVER for what lies beyond the end.
static ModTruth truth_of(const Look *look, const Parts *parts) {
  ModBox box = *look->block;
  box.first_query += parts->row * look->rows;
  box.first_key += parts->column * look->columns;
  box.last_query = least(box.last_query, box.first_query + parts->size * look->rows);
  box.last_key = least(box.last_key, box.first_key + parts->size * look->columns);
  if (box.first_query >= box.last_query || box.first_key >= box.last_key) return MOD_NEVER;
  return mod_intervals_mask(look->intervals, &box);
}

// Quarters. Where all four stay open, smaller ones would mostly do so too.
static void look_into(Look *look, const Parts *parts) {
  Parts open[4];
  int count = 0, half = parts->size / 2;
  for (int i = 0; i < 4; i++) {
    Parts quarter = {parts->row + i / 2 * half, parts->column + i % 2 * half, half};
    ModTruth truth = truth_of(look, &quarter);
    if (truth == MOD_ALWAYS) look->detail.full |= bits_of(&quarter);
    if (truth == MOD_NEVER) look->detail.seen &= ~bits_of(&quarter);
    if (truth == MOD_SOMETIMES) open[count++] = quarter;
  }
  if (half == 1 || count == 4) return;
  for (int i = 0; i < count; i++) look_into(look, &open[i]);
}

BlockDetail block_detail_of(const ModIntervals *intervals, const ModBox *box, int64_t block_rows,
                            int64_t block_columns) {
  Look look = {.intervals = intervals,
               .block = box,
               .rows = block_part(block_rows),
               .columns = block_part(block_columns),
               .detail = {.seen = ~(uint64_t)0}};
  look_into(&look, &(Parts){0, 0, BLOCK_PARTS});
  return look.detail;
}
