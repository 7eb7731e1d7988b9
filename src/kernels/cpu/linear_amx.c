// SPDX-License-Identifier: Apache-2.0
// One or two rows of x against a stream of bfloat16 weights, with the bits that matrix registers
// give for more rows: x is rounded, even and odd products of a block of pairs have sums of their
// own (Intel SDM vol. 2: TDPBF16PS), but for subnormal numbers, which there count as 0. Vectors
// read memory faster than matrix registers are filled.
#include "device/amx.h"
#include "kernels/cpu/stream_form.h"

enum { BLOCK_COLUMNS = 2048, PAIR_BYTES = MATRIX_PANEL * 4 };

typedef struct {
  Vector even[STREAMED_ROWS][MOST_STREAMS], odd[STREAMED_ROWS][MOST_STREAMS];
} BlockSums;

static ALWAYS_INLINE void clear_block(StreamForm form, BlockSums *sums) {
#pragma GCC unroll 2
  for (int row = 0; row < form.rows; row++)
#pragma GCC unroll 4
    for (int p = 0; p < form.panels; p++) sums->even[row][p] = sums->odd[row][p] = vector_zero();
}

// Pair k of a block: x has its even elements, then its odd ones.
static ALWAYS_INLINE void multiply_pair(const StreamPass *pass, StreamForm form, const float *x,
                                        const char *panel, BlockSums *sums) {
  Vector x_even[STREAMED_ROWS], x_odd[STREAMED_ROWS];
#pragma GCC unroll 2
  for (int row = 0; row < form.rows; row++) {
    x_even[row] = vector_set(x[row * pass->x_stride]);
    x_odd[row] = vector_set(x[row * pass->x_stride + AMX_SIDE]);
  }
#pragma GCC unroll 4
  for (int p = 0; p < form.panels; p++) {
    const uint16_t *pairs = (const uint16_t *)(panel + p * pass->panel_bytes);
    Vector even = vector_load_pair_even(pairs), odd = vector_load_pair_odd(pairs);
#pragma GCC unroll 2
    for (int row = 0; row < form.rows; row++) {
      sums->even[row][p] = vector_fma(x_even[row], even, sums->even[row][p]);
      sums->odd[row][p] = vector_fma(x_odd[row], odd, sums->odd[row][p]);
    }
  }
}

static ALWAYS_INLINE void add_block(StreamForm form, const BlockSums *block, StreamSums *sums) {
#pragma GCC unroll 2
  for (int row = 0; row < form.rows; row++)
#pragma GCC unroll 4
    for (int p = 0; p < form.panels; p++)
      sums->vector[row][p][0] =
          vector_add(sums->vector[row][p][0], vector_add(block->even[row][p], block->odd[row][p]));
}

// Pairs that fill no block, one by one.
static ALWAYS_INLINE void add_rest(const StreamPass *pass, StreamForm form, int64_t k,
                                   int64_t pairs, const char *panel, StreamSums *sums) {
  for (; k < pairs; k++, panel += PAIR_BYTES)
#pragma GCC unroll 2
    for (int row = 0; row < form.rows; row++)
#pragma GCC unroll 4
      for (int p = 0; p < form.panels; p++)
        sums->vector[row][p][0] = vector_dot_pairs(
            vector_set(pass->x[row * pass->x_stride + k / AMX_SIDE * AMX_SIDE + k]),
            vector_load((const float *)(panel + p * pass->panel_bytes)), sums->vector[row][p][0]);
}

static ALWAYS_INLINE void run_form(const StreamPass *pass, StreamForm form) {
  const char *panel = pass->panel;
  int64_t pairs = (pass->columns + 1) / 2, k = 0;
  StreamSums sums;
  stream_load_sums(pass, form, &sums);
  for (; k + AMX_SIDE <= pairs; k += AMX_SIDE) {
    BlockSums block;
    clear_block(form, &block);
#pragma GCC unroll 2
    for (int i = 0; i < AMX_SIDE; i++, panel += PAIR_BYTES) {
      stream_prefetch(pass, form, panel, PAIR_BYTES);
      multiply_pair(pass, form, pass->x + 2 * k + i, panel, &block);
    }
    add_block(form, &block, &sums);
  }
  add_rest(pass, form, k, pairs, panel, &sums);
  stream_store_sums(pass, form, &sums);
}

STREAM_PAIR_FUNCTIONS

// 16 even and 16 odd elements of each block, as floats; then the pairs that fill none.
static void round_row(int64_t columns, const float *x, float *out) {
  for (int64_t k = 0; k < columns; k += 2 * AMX_SIDE) {
    int64_t left = columns - k, first = left < LANES ? left : LANES;
    int64_t second = left - first < LANES ? left - first : LANES;
    float pairs[AMX_SIDE];
    vector_store(pairs, vector_round_pairs(vector_load_part(x + k, first),
                                           vector_load_part(x + k + LANES, second)));
    bool whole = left > 2 * (AMX_SIDE - 1);
    Vector even = vector_load_pair_even((const uint16_t *)pairs);
    vector_store(out + k, whole ? even : vector_load(pairs));
    if (whole) vector_store(out + k + LANES, vector_load_pair_odd((const uint16_t *)pairs));
  }
}

static const float *columns_of(const Linear *linear, int64_t first, int64_t last, float *room,
                               int64_t *stride) {
  *stride = BLOCK_COLUMNS;
  for (int64_t row = 0; row < linear->rows; row++)
    round_row(last - first, linear->x + row * linear->x_stride + first, room + row * *stride);
  return room;
}

void TIER_FUNCTION(linear_amx)(const Linear *linear, int64_t first, int64_t last) {
  float room[STREAMED_ROWS * BLOCK_COLUMNS];
  if (linear->matrix->dtype == DTYPE_BF16)
    stream_run(linear, first, last, &functions, columns_of, BLOCK_COLUMNS, room);
  else
    TIER_FUNCTION(linear_direct)(linear, first, last);
}
