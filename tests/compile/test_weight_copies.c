// SPDX-License-Identifier: Apache-2.0
// Copies of weights for OpenBLAS, of which a library of the same form is enough: what is asked for
// is made once, what is not retained goes, and products by it are right.
#include "../kernels/guarded.h"
#include "compile/weight_copies.h"

enum { ROWS = 37, COLUMNS = 21, INPUTS = 5 };

static Guarded make_matrix(Random *random, Dtype dtype, Matrix *matrix) {
  Guarded panels = guarded_make((size_t)matrix_bytes(dtype, ROWS, COLUMNS));
  Guarded weights = guarded_normal(random, ROWS * COLUMNS);
  int64_t each = matrix_panel_bytes(dtype, COLUMNS);
  for (int64_t panel = 0; panel < matrix_panels(ROWS); panel++) {
    const float *source[MATRIX_PANEL];
    for (int i = 0; i < MATRIX_PANEL; i++) {
      int64_t row = panel * MATRIX_PANEL + i;
      source[i] = row < ROWS ? (const float *)weights.data + row * COLUMNS : NULL;
    }
    matrix_pack_panel(dtype, COLUMNS, source, (char *)panels.data + panel * each);
  }
  guarded_free(weights);
  *matrix = (Matrix){dtype, ROWS, COLUMNS, panels.data, NULL};
  return panels;
}

static void copies_hold_the_weights(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  Matrix first, second, narrow;
  Guarded panels[] = {make_matrix(&random, DTYPE_F32, &first),
                      make_matrix(&random, DTYPE_F32, &second),
                      make_matrix(&random, DTYPE_BF16, &narrow)};
  WeightCopies *copies = weight_copies_open(FAKE_OPENBLAS);
  int64_t bytes = ROWS * COLUMNS * (int64_t)sizeof(float);
  float row[COLUMNS];
  assert_null(weight_copies_of(copies, &narrow));
  const LinearBlas *blas = weight_copies_of(copies, &first);
  assert_non_null(blas);
  assert_ptr_equal(weight_copies_of(copies, &first), blas);
  assert_int_equal(weight_copies_bytes(copies), bytes);
  for (int64_t i = 0; i < ROWS; i++) {
    matrix_row(&first, i, row);
    assert_memory_equal(row, blas->weights + i * COLUMNS, sizeof row);
  }
  weight_copies_retain(copies);
  assert_non_null(weight_copies_of(copies, &second));
  assert_int_equal(weight_copies_bytes(copies), 2 * bytes);
  weight_copies_trim(copies);
  assert_int_equal(weight_copies_bytes(copies), bytes);
  assert_ptr_equal(weight_copies_of(copies, &first), blas);
  weight_copies_close(copies);
  for (int i = 0; i < 3; i++) guarded_free(panels[i]);
}

static void products_by_it_are_right(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  const Kernels *kernels = kernels_for(cpu_best_tier());
  Matrix matrix;
  Guarded panels = make_matrix(&random, DTYPE_F32, &matrix);
  Guarded x = guarded_normal(&random, INPUTS * COLUMNS), y = guarded_nan(INPUTS * ROWS);
  WeightCopies *copies = weight_copies_open(FAKE_OPENBLAS);
  LinearPlan plan = *linear_plan_standard(DTYPE_F32);
  plan.blas = weight_copies_of(copies, &matrix);
  assert_non_null(plan.blas);
  for (int64_t rows = 1; rows <= INPUTS; rows += INPUTS - 1) {
    Linear linear = {.x = x.data,
                     .x_stride = COLUMNS,
                     .rows = rows,
                     .matrix = &matrix,
                     .y = y.data,
                     .y_stride = ROWS,
                     .plan = &plan};
    linear_run_part(kernels, NULL, &linear, 0, 1);
    for (int64_t i = 0; i < rows * ROWS; i++) {
      double sum = 0;
      const float *input = (const float *)x.data + i / ROWS * COLUMNS;
      for (int64_t k = 0; k < COLUMNS; k++)
        sum += (double)input[k] * plan.blas->weights[i % ROWS * COLUMNS + k];
      assert_float_equal(((const float *)y.data)[i], sum, 1e-4);
    }
  }
  weight_copies_close(copies);
  guarded_free(panels);
  guarded_free(x);
  guarded_free(y);
}

static void without_a_library_there_are_none(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  Matrix matrix;
  Guarded panels = make_matrix(&random, DTYPE_F32, &matrix);
  WeightCopies *copies = weight_copies_open("libno-such-blas.so.0");
  for (int i = 0; i < 2; i++) assert_null(weight_copies_of(copies, &matrix));
  assert_int_equal(weight_copies_bytes(copies), 0);
  weight_copies_close(copies);
  weight_copies_close(NULL);
  guarded_free(panels);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(copies_hold_the_weights),
                                     cmocka_unit_test(products_by_it_are_right),
                                     cmocka_unit_test(without_a_library_there_are_none)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
