// SPDX-License-Identifier: Apache-2.0
// A few rows of x against a stream of weights: every panel is read once, from its first byte to its
// last, and widened in registers. Several sums per output (chains) hide the latency of an FMA.
#include "kernels/cpu/operators.h"

enum {
  MOST_CHAINS = 4,
  PASS_ROWS = LANES == 16 ? 8 : 6,
  PASS_PANELS = LANES == 16 ? 2 : 1,
  MOST_VECTORS = PASS_PANELS * PANEL_VECTORS,
  PREFETCH_BYTES = 2048
};

typedef struct {
  int rows, panels, chains; // constants where a pass is made
  Dtype dtype;
} Form;

typedef struct {
  const float *x;
  int64_t x_stride, columns;
  const char *panel;
  int64_t panel_bytes;
  float *out; // [rows][panels][MATRIX_PANEL]
} Pass;

typedef struct {
  Vector vector[PASS_ROWS][MOST_CHAINS][MOST_VECTORS];
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
  Vector weights[MOST_VECTORS];
#pragma GCC unroll 2
  for (int v = 0; v < form.panels * PANEL_VECTORS; v++)
    weights[v] = load_weights(form, panel + v / PANEL_VECTORS * pass->panel_bytes, offset,
                              v % PANEL_VECTORS);
#pragma GCC unroll 8
  for (int row = 0; row < form.rows; row++) {
    Vector x = vector_set(pass->x[row * pass->x_stride + k + offset]);
#pragma GCC unroll 2
    for (int v = 0; v < form.panels * PANEL_VECTORS; v++) {
      Vector *sum = &sums->vector[row][offset % form.chains][v];
      *sum = vector_fma(x, weights[v], *sum);
    }
  }
}

static ALWAYS_INLINE void clear_sums(Form form, Sums *sums) {
#pragma GCC unroll 8
  for (int row = 0; row < form.rows; row++)
#pragma GCC unroll 4
    for (int chain = 0; chain < form.chains; chain++)
#pragma GCC unroll 2
      for (int v = 0; v < form.panels * PANEL_VECTORS; v++)
        sums->vector[row][chain][v] = vector_zero();
}

static ALWAYS_INLINE void store_sums(const Pass *pass, Form form, Sums *sums) {
#pragma GCC unroll 8
  for (int row = 0; row < form.rows; row++)
#pragma GCC unroll 2
    for (int v = 0; v < form.panels * PANEL_VECTORS; v++) {
      Vector total = sums->vector[row][0][v];
#pragma GCC unroll 4
      for (int chain = 1; chain < form.chains; chain++)
        total = vector_add(total, sums->vector[row][chain][v]);
      vector_store(pass->out + row * form.panels * MATRIX_PANEL + v * LANES, total);
    }
}

static ALWAYS_INLINE void prefetch_columns(const Pass *pass, Form form, int64_t k) {
  const int column_bytes = MATRIX_PANEL * (form.dtype == DTYPE_F32 ? 4 : 2);
  const char *ahead = pass->panel + k * column_bytes + PREFETCH_BYTES;
#pragma GCC unroll 2
  for (int panel = 0; panel < form.panels; panel++)
#pragma GCC unroll 4
    for (int byte = 0; byte < 4 * column_bytes; byte += 64)
      __builtin_prefetch(ahead + panel * pass->panel_bytes + byte);
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

// The chains depend on the rows alone: an output is summed in the same order beside which panel
// ever it is computed.
#define CHAINS(ROWS) ((ROWS)*PANEL_VECTORS <= 3 ? 4 : (ROWS)*PANEL_VECTORS <= 6 ? 2 : 1)
#define PASS(ROWS, PANELS, DTYPE)                                                                  \
  static void pass_##ROWS##_##PANELS##_##DTYPE(const Pass *pass) {                                 \
    run_form(pass, (Form){ROWS, PANELS, CHAINS(ROWS), DTYPE});                                     \
  }
#if LANES == 16
#define ALL_ROWS(X, PANELS, DTYPE)                                                                 \
  X(1, PANELS, DTYPE)                                                                              \
  X(2, PANELS, DTYPE)                                                                              \
  X(3, PANELS, DTYPE)                                                                              \
  X(4, PANELS, DTYPE)                                                                              \
  X(5, PANELS, DTYPE)                                                                              \
  X(6, PANELS, DTYPE)                                                                              \
  X(7, PANELS, DTYPE)                                                                              \
  X(8, PANELS, DTYPE)
#else
#define ALL_ROWS(X, PANELS, DTYPE)                                                                 \
  X(1, PANELS, DTYPE)                                                                              \
  X(2, PANELS, DTYPE)                                                                              \
  X(3, PANELS, DTYPE)                                                                              \
  X(4, PANELS, DTYPE)                                                                              \
  X(5, PANELS, DTYPE)                                                                              \
  X(6, PANELS, DTYPE)
#endif
#define ENTRY(ROWS, PANELS, DTYPE) [ROWS - 1] = pass_##ROWS##_##PANELS##_##DTYPE,

ALL_ROWS(PASS, 1, DTYPE_F32)
ALL_ROWS(PASS, 1, DTYPE_BF16)
ALL_ROWS(PASS, 1, DTYPE_F16)
#if LANES == 16
ALL_ROWS(PASS, 2, DTYPE_F32)
ALL_ROWS(PASS, 2, DTYPE_BF16)
ALL_ROWS(PASS, 2, DTYPE_F16)
#endif
// [panels - 1][dtype][rows - 1]
static PassFunction *const passes[PASS_PANELS][3][PASS_ROWS] = {
    {{ALL_ROWS(ENTRY, 1, DTYPE_F32)},
     {ALL_ROWS(ENTRY, 1, DTYPE_BF16)},
     {ALL_ROWS(ENTRY, 1, DTYPE_F16)}},
#if LANES == 16
    {{ALL_ROWS(ENTRY, 2, DTYPE_F32)},
     {ALL_ROWS(ENTRY, 2, DTYPE_BF16)},
     {ALL_ROWS(ENTRY, 2, DTYPE_F16)}},
#endif
};
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

// The rows [row, row + rows) with the panels that `pass` names.
static void run_pass(const Linear *linear, Pass pass, int panels, int64_t column, int64_t row,
                     int64_t rows) {
  float sums[PASS_ROWS * PASS_PANELS * MATRIX_PANEL];
  pass.x = linear->x + row * linear->x_stride;
  pass.out = sums;
  passes[panels - 1][linear->matrix->dtype][rows - 1](&pass);
  for (int64_t i = 0; i < rows; i++)
    for (int panel = 0; panel < panels; panel++)
      finish_row(linear, row + i, column + panel * MATRIX_PANEL,
                 sums + (i * panels + panel) * MATRIX_PANEL);
}

void TIER_FUNCTION(linear_direct)(const Linear *linear, int64_t first, int64_t last) {
  const Matrix *matrix = linear->matrix;
  int64_t passes_needed = (linear->rows + PASS_ROWS - 1) / PASS_ROWS;
  int64_t each = (linear->rows + passes_needed - 1) / passes_needed;
  int64_t bytes = matrix_panel_bytes(matrix->dtype, matrix->columns);
  int most = linear->rows > 2 ? PASS_PANELS : 1, panels;
  for (int64_t panel = first; panel < last; panel += panels) {
    panels = last - panel < most ? (int)(last - panel) : most;
    Pass pass = {.x_stride = linear->x_stride,
                 .columns = matrix->columns,
                 .panel = (const char *)matrix->panels + panel * bytes,
                 .panel_bytes = bytes};
    for (int64_t row = 0; row < linear->rows; row += each) {
      int64_t rows = linear->rows - row < each ? linear->rows - row : each;
      run_pass(linear, pass, panels, panel * MATRIX_PANEL, row, rows);
    }
  }
}
