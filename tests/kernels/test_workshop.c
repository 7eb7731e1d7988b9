// SPDX-License-Identifier: Apache-2.0
#include "guarded.h"
#include "kernels/workshop.h"

static Team *team;
static Workshop *workshop;

// Every row of the list at a small odd shape, on every tier: right, and with a time.
static void test_every_row(void **state) {
  (void)state;
  int count;
  const WorkshopOperator *list = workshop_operators(&count);
  assert_true(count > 10);
  for (int i = 0; i < count; i++)
    for (int dtype = DTYPE_F32; dtype <= (list[i].by_dtype ? DTYPE_F16 : DTYPE_F32); dtype++)
      FOR_EACH_TIER(kernels) {
        WorkshopResult result;
        Error error;
        WorkshopShape shape = {5, 38, list[i].site <= SITE_OUTPUT ? 37 : 0};
        assert_true(workshop_measure(workshop, &list[i], kernels, (Dtype)dtype, shape, 0.0, &result,
                                     &error));
        if (!result.correct) fail_msg("%s: residual %g", list[i].name, result.residual);
        assert_true(result.seconds > 0.0 && result.samples >= 1 && result.share > 0.0);
      }
}

static double wrong(const WorkshopCase *bench, int64_t index) {
  (void)bench;
  return (double)index;
}

// A kernel that is wrong gets no time.
static void test_wrong_is_not_timed(void **state) {
  (void)state;
  WorkshopOperator broken = *workshop_operator_by_name("add");
  broken.expect = wrong;
  WorkshopResult result;
  Error error;
  assert_true(workshop_measure(workshop, &broken, kernels_for(cpu_best_tier()), DTYPE_F32,
                               (WorkshopShape){4, 100, 0}, 0.0, &result, &error));
  assert_false(result.correct);
  assert_true(result.seconds == 0.0 && result.share == 0.0);
}

static void test_refuses_absurd_shapes(void **state) {
  (void)state;
  WorkshopResult result;
  Error error;
  static const WorkshopShape shapes[] = {{0, 1, 1}, {1, -4, 1}, {1 << 30, 1 << 30, 1}};
  for (size_t i = 0; i < COUNT_OF(shapes); i++)
    assert_false(workshop_measure(workshop, workshop_operator_by_name("linear"), &kernels_reference,
                                  DTYPE_F32, shapes[i], 0.0, &result, &error));
  assert_null(workshop_operator_by_name("nothing"));
}

// Ceilings of this machine in place of those given.
static void test_ceilings_are_taken_again(void **state) {
  (void)state;
  const Ceilings given = {.fma_gflop_per_s = 1e-9, .read_gb_per_s = 1e-9};
  Workshop *other = workshop_open(team, &given, 1);
  WorkshopResult result;
  Error error;
  assert_true(workshop_take_ceilings(other, DTYPE_BF16, &error));
  assert_true(workshop_measure(other, workshop_operator_by_name("linear"),
                               kernels_for(cpu_best_tier()), DTYPE_BF16,
                               (WorkshopShape){1, 4096, 512}, 0.0, &result, &error));
  assert_true(result.correct);
  assert_true(result.fma_gflop_per_s > 0.01 && result.read_gb_per_s > 0.01);
  workshop_close(other);
}

// The same products by the library, where it is installed.
static void test_openblas(void **state) {
  (void)state;
  Openblas openblas;
  Error error;
  if (!openblas_open(OPENBLAS_FILE, &openblas, &error)) {
    print_message("# skipped: %s: %s\n", error.where, error.message);
    return;
  }
  workshop_set_openblas(workshop, &openblas);
  for (int64_t rows = 1; rows <= 5; rows += 4) {
    WorkshopResult result;
    assert_true(workshop_measure(workshop, &workshop_openblas, &kernels_reference, DTYPE_F32,
                                 (WorkshopShape){rows, 53, 37}, 0.0, &result, &error));
    if (!result.correct) fail_msg("residual %g", result.residual);
    assert_string_equal(result.by, "openblas");
    assert_true(result.seconds > 0.0);
  }
}

// A library that is not there, and one that is another, are reasons and no crash.
static void test_no_openblas(void **state) {
  (void)state;
  Openblas openblas;
  Error error;
  assert_false(openblas_open("libno-such-library.so.0", &openblas, &error));
  assert_int_equal(error.code, ERROR_NOT_FOUND);
  assert_false(openblas_open("libm.so.6", &openblas, &error));
  assert_int_equal(error.code, ERROR_UNSUPPORTED);
}

// The products of SmolLM2-135M when decoding, and what a prompt leaves out.
static void test_shapes_of_a_model(void **state) {
  (void)state;
  const WorkshopModel model = {.hidden = 576,
                               .intermediate = 1536,
                               .heads = 9,
                               .kv_heads = 3,
                               .head_dim = 64,
                               .vocabulary = 49152,
                               .gated = true};
  static const WorkshopShape expected[] = {
      {2, 960, 576}, {2, 576, 576}, {2, 3072, 576}, {2, 576, 1536}, {2, 49152, 576}};
  WorkshopShape shapes[WORKSHOP_MOST_SHAPES];
  assert_int_equal(workshop_shapes(SITE_LINEAR, &model, 2, shapes), 5);
  assert_memory_equal(shapes, expected, sizeof expected);
  assert_int_equal(workshop_shapes(SITE_LINEAR, &model, 512, shapes), 4);
  assert_int_equal(workshop_shapes(SITE_LOGITS, &model, 512, shapes), 0);
  assert_int_equal(workshop_shapes(SITE_SCORES, &model, 512, shapes), 1);
  assert_memory_equal(&shapes[0], &((WorkshopShape){1536, 512, 64}), sizeof shapes[0]);
}

static int set_up(void **state) {
  (void)state;
  Error error;
  team = team_open(2, false, &error);
  if (!team) return -1;
  const Ceilings ceilings = {.fma_gflop_per_s = 100.0, .read_gb_per_s = 10.0};
  workshop = workshop_open(team, &ceilings, fresh_seed());
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  workshop_close(workshop);
  team_close(team);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_row),
      cmocka_unit_test(test_wrong_is_not_timed),
      cmocka_unit_test(test_ceilings_are_taken_again),
      cmocka_unit_test(test_openblas),
      cmocka_unit_test(test_no_openblas),
      cmocka_unit_test(test_shapes_of_a_model),
      cmocka_unit_test(test_refuses_absurd_shapes),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
