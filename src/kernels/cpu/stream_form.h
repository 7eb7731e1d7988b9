// SPDX-License-Identifier: Apache-2.0
// What products of one or two rows of x with a stream of weights share. Panels are read from their
// first byte to their last, a few side by side, so that their sums, one register each and in the
// order of the register tiles, hide the latency of a multiply-add: a row of x gives the same bits
// alone and among many.
#pragma once
#include "kernels/cpu/operators.h"

#if defined(LANES)
// Panels side by side: two rows of AVX2 have registers for two.
enum { MOST_STREAMS = 4, STREAMS_OF_TWO = LANES == 16 ? 4 : 2, STREAM_AHEAD = 2048 };

// Constants where a pass is made.
typedef struct {
  int rows, panels;
  Dtype dtype;
} StreamForm;

typedef struct {
  const float *x;            // a row of pairs takes half the columns
  int64_t x_stride, columns; // of this pass
  const char *panel;
  int64_t panel_bytes;
  float *sums; // [panels][rows][MATRIX_PANEL]: what they begin with, and become
} StreamPass;

typedef void StreamFunction(const StreamPass *pass);

typedef struct {
  Vector vector[STREAMED_ROWS][MOST_STREAMS][PANEL_VECTORS];
} StreamSums;

static ALWAYS_INLINE float *stream_sum_at(const StreamPass *pass, StreamForm form, int row, int p,
                                          int v) {
  return pass->sums + (p * form.rows + row) * MATRIX_PANEL + v * LANES;
}

static ALWAYS_INLINE void stream_load_sums(const StreamPass *pass, StreamForm form,
                                           StreamSums *sums) {
#pragma GCC unroll 4
  for (int p = 0; p < form.panels; p++)
#pragma GCC unroll 2
    for (int row = 0; row < form.rows; row++)
#pragma GCC unroll 2
      for (int v = 0; v < PANEL_VECTORS; v++)
        sums->vector[row][p][v] = vector_load(stream_sum_at(pass, form, row, p, v));
}

static ALWAYS_INLINE void stream_store_sums(const StreamPass *pass, StreamForm form,
                                            const StreamSums *sums) {
#pragma GCC unroll 4
  for (int p = 0; p < form.panels; p++)
#pragma GCC unroll 2
    for (int row = 0; row < form.rows; row++)
#pragma GCC unroll 2
      for (int v = 0; v < PANEL_VECTORS; v++)
        vector_store(stream_sum_at(pass, form, row, p, v), sums->vector[row][p][v]);
}

// `bytes` (a constant) of every panel from `at` on.
static ALWAYS_INLINE void stream_prefetch(const StreamPass *pass, StreamForm form, const char *at,
                                          int bytes) {
#pragma GCC unroll 4
  for (int p = 0; p < form.panels; p++)
#pragma GCC unroll 4
    for (int byte = 0; byte < bytes; byte += 64)
      __builtin_prefetch(at + p * pass->panel_bytes + STREAM_AHEAD + byte);
}

// The functions of a dtype: [rows - 1] of several panels, and of one.
typedef struct {
  StreamFunction *several[STREAMED_ROWS], *one[STREAMED_ROWS];
} StreamFunctions;

#if defined(DOT_PAIRS)
// `functions`, of the run_form above it, for bfloat16 where a panel is one vector.
#define STREAM_PAIR_PASS(ROWS, PANELS)                                                             \
  static void pass_##ROWS##_##PANELS(const StreamPass *pass) {                                     \
    run_form(pass, (StreamForm){ROWS, PANELS, DTYPE_BF16});                                        \
  }
#define STREAM_PAIR_FUNCTIONS                                                                      \
  STREAM_PAIR_PASS(1, 4)                                                                           \
  STREAM_PAIR_PASS(2, 4)                                                                           \
  STREAM_PAIR_PASS(1, 1)                                                                           \
  STREAM_PAIR_PASS(2, 1)                                                                           \
  static const StreamFunctions functions = {{pass_1_4, pass_2_4}, {pass_1_1, pass_2_1}};           \
  _Static_assert((int)PANEL_VECTORS == 1 && (int)STREAMS_OF_TWO == 4, "a panel is one vector");
#endif

// Of LANES rows of W from `column` on, those that there are.
static ALWAYS_INLINE int64_t stream_part(const Linear *linear, int64_t column) {
  int64_t left = linear->matrix->rows - column;
  return left < 0 ? 0 : left < LANES ? left : LANES;
}

// The residual can be among the sums where nothing comes between; then the bias is added last.
static inline void stream_begin(const Linear *linear, int64_t row, int64_t column, float *sums) {
  const Epilogue *epilogue = &linear->epilogue;
  const float *from = linear->matrix->bias;
  if (from) from += column;
  if (epilogue->residual && epilogue->activation == ACTIVATION_NONE)
    from = epilogue->residual + row * epilogue->residual_stride + column;
  for (int64_t i = 0; i < MATRIX_PANEL; i += LANES)
    vector_store(sums + i, from ? vector_load_part(from + i, stream_part(linear, column + i))
                                : vector_zero());
}

// Sums of one row and panel to y: the activation, what is still to be added.
static inline void stream_finish(const Linear *linear, int64_t row, int64_t column, float *sums) {
  const Epilogue *epilogue = &linear->epilogue;
  const float *bias = linear->matrix->bias, *residual = epilogue->residual, *added = NULL;
  float *y = linear->y + row * linear->y_stride + column;
  if (epilogue->activation != ACTIVATION_NONE) {
    TIER_FUNCTION(activate)(epilogue->activation, MATRIX_PANEL, sums, sums);
    if (residual) added = residual + row * epilogue->residual_stride + column;
  } else if (residual && bias) {
    added = bias + column;
  }
  for (int64_t i = 0; i < MATRIX_PANEL; i += LANES) {
    int64_t part = stream_part(linear, column + i);
    Vector value = vector_load(sums + i);
    if (added) value = vector_add(value, vector_load_part(added + i, part));
    if (part > 0) vector_store_part(y + i, value, part);
  }
}

// Columns [first, last) of x in the form of the weights; `room` is the tier's. Returns where they
// are, and in *stride how far rows are apart.
typedef const float *StreamColumns(const Linear *linear, int64_t first, int64_t last, float *room,
                                   int64_t *stride);

// Panels [panel, panel + count), all columns, `block` at a time.
static inline void stream_panels(const Linear *linear, int64_t panel, int count,
                                 StreamFunction *function, StreamColumns *columns_of, int64_t block,
                                 float *room) {
  const Matrix *matrix = linear->matrix;
  float sums[MOST_STREAMS * STREAMED_ROWS * MATRIX_PANEL];
  int64_t rows = linear->rows, bytes = dtype_facts(matrix->dtype)->block_bytes;
  StreamPass pass = {.panel_bytes = matrix_panel_bytes(matrix->dtype, matrix->columns),
                     .sums = sums};
  for (int64_t i = 0; i < count * rows; i++)
    stream_begin(linear, i % rows, (panel + i / rows) * MATRIX_PANEL, sums + i * MATRIX_PANEL);
  for (int64_t k = 0; k < matrix->columns; k += block) {
    pass.columns = matrix->columns - k < block ? matrix->columns - k : block;
    pass.x = columns_of(linear, k, k + pass.columns, room, &pass.x_stride);
    pass.panel = (const char *)matrix->panels + panel * pass.panel_bytes + k * MATRIX_PANEL * bytes;
    function(&pass);
  }
  for (int64_t i = 0; i < count * rows; i++)
    stream_finish(linear, i % rows, (panel + i / rows) * MATRIX_PANEL, sums + i * MATRIX_PANEL);
}

static inline void stream_run(const Linear *linear, int64_t first, int64_t last,
                              const StreamFunctions *functions, StreamColumns *columns_of,
                              int64_t block, float *room) {
  int several = linear->rows == 1 ? MOST_STREAMS : STREAMS_OF_TWO;
  int64_t panel = first;
  for (; panel + several <= last; panel += several)
    stream_panels(linear, panel, several, functions->several[linear->rows - 1], columns_of, block,
                  room);
  for (; panel < last; panel++)
    stream_panels(linear, panel, 1, functions->one[linear->rows - 1], columns_of, block, room);
}
#endif
