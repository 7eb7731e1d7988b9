// SPDX-License-Identifier: Apache-2.0
// One or two rows of x against a stream of weights, widened in registers.
#include "kernels/cpu/stream_form.h"

// Column `offset` of the vector's panel, which begins at `panel`; the parity of offset is constant.
static ALWAYS_INLINE Vector load_weights(StreamForm form, const char *panel, int offset, int v) {
  const uint16_t *halves = (const uint16_t *)panel;
  if (form.dtype == DTYPE_F32)
    return vector_load((const float *)panel + offset * MATRIX_PANEL + v * LANES);
  if (form.dtype == DTYPE_F16) return vector_load_f16(halves + offset * MATRIX_PANEL + v * LANES);
  const uint16_t *pairs = halves + offset / 2 * 2 * MATRIX_PANEL + v * 2 * LANES;
  return offset % 2 ? vector_load_pair_odd(pairs) : vector_load_pair_even(pairs);
}

// Column k + offset, where `panel` is column k of the first panel; `offset` is constant, k even.
static ALWAYS_INLINE void multiply_column(const StreamPass *pass, StreamForm form, int64_t k,
                                          const char *panel, int offset, StreamSums *sums) {
  Vector x[STREAMED_ROWS];
#pragma GCC unroll 2
  for (int row = 0; row < form.rows; row++)
    x[row] = vector_set(pass->x[row * pass->x_stride + k + offset]);
#pragma GCC unroll 4
  for (int p = 0; p < form.panels; p++)
#pragma GCC unroll 2
    for (int v = 0; v < PANEL_VECTORS; v++) {
      Vector weights = load_weights(form, panel + p * pass->panel_bytes, offset, v);
#pragma GCC unroll 2
      for (int row = 0; row < form.rows; row++)
        sums->vector[row][p][v] = vector_fma(x[row], weights, sums->vector[row][p][v]);
    }
}

static ALWAYS_INLINE void run_form(const StreamPass *pass, StreamForm form) {
  const int column_bytes = MATRIX_PANEL * (form.dtype == DTYPE_F32 ? 4 : 2);
  const char *panel = pass->panel;
  StreamSums sums;
  int64_t k = 0;
  stream_load_sums(pass, form, &sums);
  for (; k + 4 <= pass->columns; k += 4, panel += 4 * column_bytes) {
    stream_prefetch(pass, form, panel, 4 * column_bytes);
#pragma GCC unroll 4
    for (int offset = 0; offset < 4; offset++) multiply_column(pass, form, k, panel, offset, &sums);
  }
  for (; k + 2 <= pass->columns; k += 2, panel += 2 * column_bytes) {
    multiply_column(pass, form, k, panel, 0, &sums);
    multiply_column(pass, form, k, panel, 1, &sums);
  }
  if (k < pass->columns) multiply_column(pass, form, k, panel, 0, &sums);
  stream_store_sums(pass, form, &sums);
}

#define PASS(ROWS, PANELS, DTYPE)                                                                  \
  static void pass_##ROWS##_##PANELS##_##DTYPE(const StreamPass *pass) {                           \
    run_form(pass, (StreamForm){ROWS, PANELS, DTYPE});                                             \
  }
#if LANES == 16
#define TWO(DTYPE) pass_2_4_##DTYPE
#define PASSES(DTYPE) PASS(1, 4, DTYPE) PASS(2, 4, DTYPE) PASS(1, 1, DTYPE) PASS(2, 1, DTYPE)
#else
#define TWO(DTYPE) pass_2_2_##DTYPE
#define PASSES(DTYPE) PASS(1, 4, DTYPE) PASS(2, 2, DTYPE) PASS(1, 1, DTYPE) PASS(2, 1, DTYPE)
#endif
#define ENTRIES(DTYPE)                                                                             \
  {                                                                                                \
    {pass_1_4_##DTYPE, TWO(DTYPE)}, {                                                              \
      pass_1_1_##DTYPE, pass_2_1_##DTYPE                                                           \
    }                                                                                              \
  }

PASSES(DTYPE_F32)
PASSES(DTYPE_BF16)
PASSES(DTYPE_F16)
static const StreamFunctions functions[3] = {ENTRIES(DTYPE_F32), ENTRIES(DTYPE_BF16),
                                             ENTRIES(DTYPE_F16)};
_Static_assert(DTYPE_F32 == 0 && DTYPE_BF16 == 1 && DTYPE_F16 == 2, "the order of the functions");

static const float *columns_of(const Linear *linear, int64_t first, int64_t last, float *room,
                               int64_t *stride) {
  (void)last, (void)room;
  *stride = linear->x_stride;
  return linear->x + first;
}

void TIER_FUNCTION(linear_direct)(const Linear *linear, int64_t first, int64_t last) {
  const Matrix *matrix = linear->matrix;
  stream_run(linear, first, last, &functions[matrix->dtype], columns_of, matrix->columns, NULL);
}
