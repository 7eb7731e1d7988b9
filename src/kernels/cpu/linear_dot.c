// SPDX-License-Identifier: Apache-2.0
// One or two rows of x against a stream of bfloat16 weights where the processor multiplies pairs of
// them: x is rounded as it is for more rows.
#include "kernels/cpu/stream_form.h"

enum { BLOCK_COLUMNS = 4096 };

static ALWAYS_INLINE void run_form(const StreamPass *pass, StreamForm form) {
  const int pair_bytes = MATRIX_PANEL * 4;
  const char *panel = pass->panel;
  int64_t pairs = (pass->columns + 1) / 2;
  StreamSums sums;
  stream_load_sums(pass, form, &sums);
#pragma GCC unroll 2
  for (int64_t k = 0; k < pairs; k++, panel += pair_bytes) {
    Vector x[STREAMED_ROWS];
    stream_prefetch(pass, form, panel, pair_bytes);
#pragma GCC unroll 2
    for (int row = 0; row < form.rows; row++)
      x[row] = vector_set(pass->x[row * pass->x_stride + k]);
#pragma GCC unroll 4
    for (int p = 0; p < form.panels; p++) {
      Vector weights = vector_load((const float *)(panel + p * pass->panel_bytes));
#pragma GCC unroll 2
      for (int row = 0; row < form.rows; row++)
        sums.vector[row][p][0] = vector_dot_pairs(x[row], weights, sums.vector[row][p][0]);
    }
  }
  stream_store_sums(pass, form, &sums);
}

STREAM_PAIR_FUNCTIONS

static const float *columns_of(const Linear *linear, int64_t first, int64_t last, float *room,
                               int64_t *stride) {
  *stride = BLOCK_COLUMNS / 2;
  for (int64_t row = 0; row < linear->rows; row++) TIER_FUNCTION(pack_row_pairs)
  (1, last - first, linear->x + row * linear->x_stride + first, 0, room + row * *stride);
  return room;
}

void TIER_FUNCTION(linear_dot)(const Linear *linear, int64_t first, int64_t last) {
  float room[STREAMED_ROWS * BLOCK_COLUMNS / 2];
  if (linear->matrix->dtype == DTYPE_BF16)
    stream_run(linear, first, last, &functions, columns_of, BLOCK_COLUMNS, room);
  else
    TIER_FUNCTION(linear_direct)(linear, first, last);
}
