// SPDX-License-Identifier: Apache-2.0
// The register tile in every form that A and B may lie in, against double precision.
#include "guarded.h"

static const double bound = 2e-6;

typedef struct {
  int rows, panels, form; // of A: 0 packed, 1 by rows, 2 transposed where it lies
  bool step, initial;     // B with a step of its own; sums that start from something
  int64_t depth;
} Shape;

static Tile arrange(const Shape *shape, const Guarded *a, const Guarded *b, int64_t a_line,
                    int64_t b_line) {
  Tile tile = {.depth = shape->depth,
               .rows = shape->rows,
               .panels = shape->panels,
               .a = a->data,
               .a_stride = shape->form == 1 ? a_line : 0,
               .a_step = shape->form == 2 ? a_line : 0,
               .b = b->data,
               .panel_bytes = shape->depth * MATRIX_PANEL * (int64_t)sizeof(float)};
  if (shape->step) {
    tile.b_step = b_line;
    tile.panel_bytes = MATRIX_PANEL * (int64_t)sizeof(float);
  }
  return tile;
}

static double expected_at(const Shape *shape, const Tile *tile, int row, int column) {
  const float *b = tile->b;
  double sum = tile->initial ? tile->initial[row * tile->initial_stride + column] : 0.0;
  for (int64_t k = 0; k < shape->depth; k++) {
    int64_t packed = shape->form == 2 ? k * tile->a_step + row : k * shape->rows + row;
    int64_t at = shape->form == 1 ? row * tile->a_stride + k : packed;
    int64_t plain = (column / MATRIX_PANEL * shape->depth + k) * MATRIX_PANEL;
    int64_t to = shape->step ? k * tile->b_step + column : plain + column % MATRIX_PANEL;
    sum += (double)tile->a[at] * b[to];
  }
  return sum;
}

static void check(const Kernels *kernels, const Shape *shape, Random *random) {
  int64_t width = shape->panels * MATRIX_PANEL, more = (int64_t)random_below(random, 9);
  int64_t a_line = (shape->form == 1 ? shape->depth : shape->rows) + more, b_line = width + more;
  int64_t lines = shape->form == 1 ? shape->rows : shape->depth;
  int64_t a_count = shape->form ? (lines - 1) * a_line : shape->rows * (shape->depth - 1);
  Guarded a = guarded_normal(random, a_count + (shape->form == 1 ? shape->depth : shape->rows));
  Guarded b = guarded_normal(random, shape->step ? (shape->depth - 1) * b_line + width
                                                 : shape->depth * width);
  Guarded initial = guarded_normal(random, shape->rows * width);
  Guarded c = guarded_nan(shape->rows * width);
  Tile tile = arrange(shape, &a, &b, a_line, b_line);
  tile.initial = shape->initial ? initial.data : NULL;
  tile.initial_stride = width;
  tile.c = c.data, tile.c_stride = width;
  kernels->tile(&tile);
  double *expected = malloc((size_t)(shape->rows * width) * sizeof *expected);
  for (int row = 0; row < shape->rows; row++)
    for (int column = 0; column < (int)width; column++)
      expected[row * width + column] = expected_at(shape, &tile, row, column);
  char what[96];
  snprintf(what, sizeof what, "%s rows %d panels %d form %d step %d depth %lld",
           cpu_tier_name(kernels->tier), shape->rows, shape->panels, shape->form, shape->step,
           (long long)shape->depth);
  assert_close(shape->rows * width, c.data, expected, bound, what);
  Guarded all[] = {a, b, initial, c};
  for (size_t i = 0; i < COUNT_OF(all); i++) guarded_free(all[i]);
  free(expected);
}

static void test_forms(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  FOR_EACH_TIER(kernels)
  for (int rows = 1; rows <= kernels->tile_rows; rows++)
    for (int panels = 1; panels <= kernels->tile_panels; panels++)
      for (int form = 0; form < 3; form++)
        for (int step = 0; step < 2; step++) {
          Shape shape = {rows,
                         panels,
                         form,
                         step,
                         random_below(&random, 2),
                         1 + (int64_t)random_below(&random, 40)};
          check(kernels, &shape, &random);
        }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_forms)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
