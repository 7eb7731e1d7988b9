// SPDX-License-Identifier: Apache-2.0
// One or two rows of x against a stream of weights: every panel is read once, from its first byte
// to its last, and widened in registers. Several sums per output (chains) hide the latency of an
// FMA.
#include "kernels/cpu/operators.h"

enum { MOST_CHAINS = 4, PREFETCH_BYTES = 2048 };

typedef struct {
  int rows, chains; // constants where a pass is made
  Dtype dtype;
} Form;

typedef struct {
  const float *x;
  int64_t x_stride, columns;
  const char *panel;
  float *out; // [rows][MATRIX_PANEL]
} Pass;

typedef struct {
  Vector vector[STREAMED_ROWS][MOST_CHAINS][PANEL_VECTORS];
} Sums;

// Column `offset` of the vector's panel, which begins at `panel`; the parity of offset is constant.
static ALWAYS_INLINE Vector load_weights(Form form, const char *panel, int offset, int v) {
  const uint16_t *halves = (const uint16_t *)panel;
  if (form.dtype == DTYPE_F32)
    return vector_load((const float *)panel + offset * MATRIX_PANEL + v * LANES);
  if (form.dtype == DTYPE_F16) return vector_load_f16(halves + offset * MATRIX_PANEL + v * LANES);
  const uint16_t *pairs = halves + offset / 2 * 2 * MATRIX_PANEL + v * 2 * LANES;
  return offset % 2 ? vector_load_pair_odd(pairs) : vector_load_pair_even(pairs);
}

// Column k + offset; `offset` is constant and k even.
static ALWAYS_INLINE void multiply_column(const Pass *pass, Form form, int64_t k, int offset,
                                          Sums *sums) {
  const char *panel = pass->panel + k * MATRIX_PANEL * (form.dtype == DTYPE_F32 ? 4 : 2);
  Vector weights[PANEL_VECTORS];
#pragma GCC unroll 2
  for (int v = 0; v < PANEL_VECTORS; v++) weights[v] = load_weights(form, panel, offset, v);
#pragma GCC unroll 2
  for (int row = 0; row < form.rows; row++) {
    Vector x = vector_set(pass->x[row * pass->x_stride + k + offset]);
#pragma GCC unroll 2
    for (int v = 0; v < PANEL_VECTORS; v++) {
      Vector *sum = &sums->vector[row][offset % form.chains][v];
      *sum = vector_fma(x, weights[v], *sum);
    }
  }
}

static ALWAYS_INLINE void clear_sums(Form form, Sums *sums) {
#pragma GCC unroll 2
  for (int row = 0; row < form.rows; row++)
#pragma GCC unroll 4
    for (int chain = 0; chain < form.chains; chain++)
#pragma GCC unroll 2
      for (int v = 0; v < PANEL_VECTORS; v++) sums->vector[row][chain][v] = vector_zero();
}

static ALWAYS_INLINE void store_sums(const Pass *pass, Form form, Sums *sums) {
#pragma GCC unroll 2
  for (int row = 0; row < form.rows; row++)
#pragma GCC unroll 2
    for (int v = 0; v < PANEL_VECTORS; v++) {
      Vector total = sums->vector[row][0][v];
#pragma GCC unroll 4
      for (int chain = 1; chain < form.chains; chain++)
        total = vector_add(total, sums->vector[row][chain][v]);
      vector_store(pass->out + row * MATRIX_PANEL + v * LANES, total);
    }
}

static ALWAYS_INLINE void prefetch_columns(const Pass *pass, Form form, int64_t k) {
  const int column_bytes = MATRIX_PANEL * (form.dtype == DTYPE_F32 ? 4 : 2);
  const char *ahead = pass->panel + k * column_bytes + PREFETCH_BYTES;
#pragma GCC unroll 4
  for (int byte = 0; byte < 4 * column_bytes; byte += 64) __builtin_prefetch(ahead + byte);
}

static ALWAYS_INLINE void run_form(const Pass *pass, Form form) {
  Sums sums;
  clear_sums(form, &sums);
  int64_t k = 0;
  for (; k + 4 <= pass->columns; k += 4) {
    prefetch_columns(pass, form, k);
#pragma GCC unroll 4
    for (int offset = 0; offset < 4; offset++) multiply_column(pass, form, k, offset, &sums);
  }
  for (; k + 2 <= pass->columns; k += 2) {
    multiply_column(pass, form, k, 0, &sums);
    multiply_column(pass, form, k, 1, &sums);
  }
  if (k < pass->columns) multiply_column(pass, form, k, 0, &sums);
  store_sums(pass, form, &sums);
}

typedef void PassFunction(const Pass *pass);

#define PASS(ROWS, CHAINS, DTYPE)                                                                  \
  static void pass_##ROWS##_##DTYPE(const Pass *pass) {                                            \
    run_form(pass, (Form){ROWS, CHAINS, DTYPE});                                                   \
  }
#define PASSES(DTYPE)                                                                              \
  PASS(1, 4, DTYPE)                                                                                \
  PASS(2, LANES == 16 ? 4 : 2, DTYPE)
#define ENTRIES(DTYPE)                                                                             \
  { pass_1_##DTYPE, pass_2_##DTYPE }

PASSES(DTYPE_F32)
PASSES(DTYPE_BF16)
PASSES(DTYPE_F16)
// [dtype][rows - 1]
static PassFunction *const passes[3][STREAMED_ROWS] = {ENTRIES(DTYPE_F32), ENTRIES(DTYPE_BF16),
                                                       ENTRIES(DTYPE_F16)};
_Static_assert(DTYPE_F32 == 0 && DTYPE_BF16 == 1 && DTYPE_F16 == 2, "the order of the passes");

// Sums of one row and panel to y: bias, activation, residual.
static void finish_row(const Linear *linear, int64_t row, int64_t column, float *sums) {
  const Matrix *matrix = linear->matrix;
  const Epilogue *epilogue = &linear->epilogue;
  int64_t count = matrix->rows - column < MATRIX_PANEL ? matrix->rows - column : MATRIX_PANEL;
  const float *residual = epilogue->residual;
  if (residual) residual += row * epilogue->residual_stride + column;
  float *y = linear->y + row * linear->y_stride + column;
  if (matrix->bias) TIER_FUNCTION(add)(count, sums, matrix->bias + column, sums);
  if (epilogue->activation != ACTIVATION_NONE)
    TIER_FUNCTION(activate)(epilogue->activation, count, sums, sums);
  for (int64_t i = 0; i < count; i += LANES) {
    int64_t part = count - i < LANES ? count - i : LANES;
    Vector value = vector_load(sums + i);
    if (residual) value = vector_add(value, vector_load_part(residual + i, part));
    vector_store_part(y + i, value, part);
  }
}

void TIER_FUNCTION(linear_direct)(const Linear *linear, int64_t first, int64_t last) {
  const Matrix *matrix = linear->matrix;
  int64_t bytes = matrix_panel_bytes(matrix->dtype, matrix->columns);
  float sums[STREAMED_ROWS * MATRIX_PANEL];
  for (int64_t panel = first; panel < last; panel++) {
    Pass pass = {.x = linear->x,
                 .x_stride = linear->x_stride,
                 .columns = matrix->columns,
                 .panel = (const char *)matrix->panels + panel * bytes,
                 .out = sums};
    passes[matrix->dtype][linear->rows - 1](&pass);
    for (int64_t row = 0; row < linear->rows; row++)
      finish_row(linear, row, panel * MATRIX_PANEL, sums + row * MATRIX_PANEL);
  }
}
