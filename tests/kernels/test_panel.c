// SPDX-License-Identifier: Apache-2.0
// Packing and conversion: exact, bit for bit, in every tier.
#include "guarded.h"

// Numbers of every kind: normal, tiny, huge, subnormal in 16 bits, ties, infinities.
static float odd_number(Random *random) {
  uint64_t bits = random_next(random);
  switch (bits % 8) {
  case 0: return float_of_bits((uint32_t)(bits >> 32)); // anything, NaN too
  case 1: return (float)random_normal(random) * 1e-7f;
  case 2: return (float)random_normal(random) * 6e4f;
  case 3: return float_of_bits((uint32_t)(bits >> 32) & 0xFFFF8000u); // a tie for bfloat16
  case 4: return bits & 256 ? INFINITY : -0.0f;
  default: return (float)random_normal(random);
  }
}

static bool same(Dtype dtype, const void *a, const void *b) {
  float x, y;
  if (memcmp(a, b, (size_t)dtype_facts(dtype)->block_bytes) == 0) return true;
  kernels_reference.widen(dtype, 1, a, &x);
  kernels_reference.widen(dtype, 1, b, &y);
  return isnan(x) && isnan(y); // payloads may differ
}

static void assert_same(Dtype dtype, int64_t count, const void *a, const void *b,
                        const char *what) {
  int64_t size = dtype_facts(dtype)->block_bytes;
  for (int64_t i = 0; i < count; i++)
    if (!same(dtype, (const char *)a + i * size, (const char *)b + i * size))
      fail_msg("%s: %s element %lld differs", what, dtype_name(dtype), (long long)i);
}

static void test_conversion(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  for (int dtype = DTYPE_F32; dtype <= DTYPE_F16; dtype++)
    for (int64_t count = 0; count < 150; count++) {
      Guarded x = guarded_make((size_t)count * 4), wide = guarded_make((size_t)count * 4);
      Guarded got = guarded_make((size_t)(count * dtype_facts((Dtype)dtype)->block_bytes));
      Guarded wanted = guarded_make(got.size), wide_wanted = guarded_make(wide.size);
      for (int64_t i = 0; i < count; i++) ((float *)x.data)[i] = odd_number(&random);
      kernels_reference.narrow((Dtype)dtype, count, x.data, wanted.data);
      kernels_reference.widen((Dtype)dtype, count, wanted.data, wide_wanted.data);
      FOR_EACH_TIER(kernels) {
        memset(got.data, 0xEE, got.size);
        memset(wide.data, 0xEE, wide.size);
        kernels->narrow((Dtype)dtype, count, x.data, got.data);
        assert_same((Dtype)dtype, count, got.data, wanted.data, cpu_tier_name(kernels->tier));
        kernels->widen((Dtype)dtype, count, wanted.data, wide.data);
        assert_same(DTYPE_F32, count, wide.data, wide_wanted.data, cpu_tier_name(kernels->tier));
      }
      guarded_free(x), guarded_free(wide), guarded_free(got), guarded_free(wanted);
      guarded_free(wide_wanted);
    }
}

// Every 16-bit pattern, both ways.
static void test_all_halves(void **state) {
  (void)state;
  enum { COUNT = 1 << 16 };
  uint16_t *halves = malloc(COUNT * sizeof *halves), *back = malloc(COUNT * sizeof *back);
  float *wide = malloc(COUNT * sizeof *wide), *wanted = malloc(COUNT * sizeof *wanted);
  for (int i = 0; i < COUNT; i++) halves[i] = (uint16_t)i;
  for (int dtype = DTYPE_BF16; dtype <= DTYPE_F16; dtype++) FOR_EACH_TIER(kernels) {
      for (int i = 0; i < COUNT; i++)
        wanted[i] = dtype == DTYPE_BF16 ? bf16_to_float((bf16_t)i) : f16_to_float((f16_t)i);
      kernels->widen((Dtype)dtype, COUNT, halves, wide);
      assert_same(DTYPE_F32, COUNT, wide, wanted, cpu_tier_name(kernels->tier));
      kernels->narrow((Dtype)dtype, COUNT, wanted, back);
      assert_same((Dtype)dtype, COUNT, back, halves, cpu_tier_name(kernels->tier));
    }
  free(halves), free(back), free(wide), free(wanted);
}

static void check_panels(const Kernels *kernels, Dtype dtype, int64_t columns,
                         const Guarded rows[MATRIX_PANEL], int present) {
  int64_t size = dtype_facts(dtype)->block_bytes, bytes = matrix_panel_bytes(dtype, columns);
  Guarded got = guarded_make((size_t)bytes), wanted = guarded_make((size_t)bytes);
  Guarded wide = guarded_make((size_t)(columns * MATRIX_PANEL) * 4);
  const float *floats[MATRIX_PANEL] = {NULL};
  Guarded halves[MATRIX_PANEL];
  const void *own[MATRIX_PANEL] = {NULL};
  for (int i = 0; i < present; i++) {
    floats[i] = rows[i].data;
    halves[i] = guarded_make((size_t)(columns * size));
    kernels_reference.narrow(dtype, columns, floats[i], halves[i].data);
    own[i] = halves[i].data;
  }
  kernels_reference.pack_panel(dtype, columns, floats, wanted.data);
  int64_t count = matrix_panel_bytes(dtype, columns) / size;
  if (dtype != DTYPE_BF16) count = columns * MATRIX_PANEL;
  kernels->pack_panel(dtype, columns, floats, got.data);
  assert_same(dtype, count, got.data, wanted.data, "pack_panel");
  memset(got.data, 0xEE, got.size);
  kernels->transpose_panel(dtype, columns, own, got.data);
  assert_same(dtype, count, got.data, wanted.data, "transpose_panel");
  kernels->widen_panel(dtype, columns, wanted.data, wide.data);
  for (int i = 0; i < MATRIX_PANEL; i++)
    for (int64_t k = 0; k < columns; k++) {
      float expected = 0.0f;
      if (i < present)
        kernels_reference.widen(dtype, 1, (const char *)own[i] + k * size, &expected);
      assert_same(DTYPE_F32, 1, (float *)wide.data + k * MATRIX_PANEL + i, &expected,
                  "widen_panel");
    }
  memset(wide.data, 0xEE, wide.size);
  kernels->gather_panel(dtype, columns, own, wide.data);
  Matrix matrix = {dtype, MATRIX_PANEL, columns, wanted.data, NULL};
  float *row = malloc((size_t)(columns + 1) * sizeof *row);
  for (int i = 0; i < MATRIX_PANEL; i++) {
    matrix_row(&matrix, i, row);
    for (int64_t k = 0; k < columns; k++)
      assert_same(DTYPE_F32, 1, (float *)wide.data + k * MATRIX_PANEL + i, &row[k], "gather_panel");
  }
  free(row);
  guarded_free(got), guarded_free(wanted), guarded_free(wide);
  for (int i = 0; i < present; i++) guarded_free(halves[i]);
}

static void test_panels(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  for (int64_t columns = 1; columns < 80; columns++) {
    Guarded rows[MATRIX_PANEL];
    for (int i = 0; i < MATRIX_PANEL; i++) {
      rows[i] = guarded_make((size_t)columns * 4);
      for (int64_t k = 0; k < columns; k++) ((float *)rows[i].data)[k] = odd_number(&random);
    }
    for (int dtype = DTYPE_F32; dtype <= DTYPE_F16; dtype++) FOR_EACH_TIER(kernels)
    check_panels(kernels, (Dtype)dtype, columns, rows, columns % 3 ? MATRIX_PANEL : 5);
    for (int i = 0; i < MATRIX_PANEL; i++) guarded_free(rows[i]);
  }
}

static void test_pack_rows(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  for (int64_t columns = 1; columns < 40; columns++) FOR_EACH_TIER(kernels)
  for (int rows = 1; rows <= kernels->tile_rows; rows++) {
    Guarded x = guarded_normal(&random, rows * columns), got = guarded_nan(rows * columns);
    kernels->pack_rows(rows, columns, x.data, columns, got.data);
    for (int64_t k = 0; k < columns; k++)
      for (int row = 0; row < rows; row++)
        assert_true(((float *)got.data)[k * rows + row] == ((float *)x.data)[row * columns + k]);
    guarded_free(x), guarded_free(got);
  }
}

// Where pair `k` of `pairs` of a row is: by columns, or by blocks of 16 pairs a row.
static int64_t place_of_pair(const Kernels *kernels, int rows, int64_t pairs, int row, int64_t k) {
  if (kernels->tier != CPU_TIER_AMX_BF16) return k * rows + row;
  int64_t block = k / 16 * 16, width = pairs - block < 16 ? pairs - block : 16;
  return block * rows + row * width + k - block;
}

// Pairs of bfloat16 in the places of floats, rounded as float_to_bf16 rounds.
static void test_pack_row_pairs(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  for (int64_t columns = 1; columns < 80; columns++) FOR_EACH_TIER(kernels)
  for (int rows = 1; rows <= kernels->dot_rows; rows++) {
    int64_t pairs = (columns + 1) / 2;
    Guarded x = guarded_normal(&random, rows * columns), got = guarded_nan(rows * pairs);
    kernels->pack_row_pairs(rows, columns, x.data, columns, got.data);
    for (int64_t k = 0; k < 2 * pairs; k++)
      for (int row = 0; row < rows; row++) {
        float value = k < columns ? ((float *)x.data)[row * columns + k] : 0.0f;
        int64_t place = place_of_pair(kernels, rows, pairs, row, k / 2);
        bf16_t found = ((bf16_t *)got.data)[place * 2 + k % 2];
        assert_int_equal(found, float_to_bf16(value));
      }
    guarded_free(x), guarded_free(got);
  }
}

static void test_widen_rows(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  for (int dtype = DTYPE_F32; dtype <= DTYPE_F16; dtype++)
    for (int64_t rows = 1; rows < 20; rows++) FOR_EACH_TIER(kernels) {
        int64_t stride = MATRIX_PANEL + rows, count = (rows - 1) * stride + MATRIX_PANEL;
        Guarded x = guarded_normal(&random, count), got = guarded_nan(rows * MATRIX_PANEL);
        Guarded own = guarded_make((size_t)(count * dtype_facts((Dtype)dtype)->block_bytes));
        kernels_reference.narrow((Dtype)dtype, count, x.data, own.data);
        kernels_reference.widen((Dtype)dtype, count, own.data, x.data);
        kernels->widen_rows((Dtype)dtype, rows, own.data, stride, got.data);
        for (int64_t row = 0; row < rows; row++)
          assert_same(DTYPE_F32, MATRIX_PANEL, (float *)got.data + row * MATRIX_PANEL,
                      (float *)x.data + row * stride, "widen_rows");
        guarded_free(x), guarded_free(got), guarded_free(own);
      }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_conversion), cmocka_unit_test(test_all_halves),
      cmocka_unit_test(test_panels),     cmocka_unit_test(test_pack_rows),
      cmocka_unit_test(test_widen_rows), cmocka_unit_test(test_pack_row_pairs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
