// SPDX-License-Identifier: Apache-2.0
#include "guarded.h"
#include "kernels/workshop.h"

static Team *team;
static Ceilings ceilings;

// Every row of the list at a small odd shape, on every tier: right, and with a time.
static void test_every_row(void **state) {
  (void)state;
  int count;
  uint64_t seed = fresh_seed();
  const WorkshopOperator *list = workshop_operators(&count);
  assert_true(count > 10);
  for (int i = 0; i < count; i++)
    for (int dtype = DTYPE_F32; dtype <= (list[i].by_dtype ? DTYPE_F16 : DTYPE_F32); dtype++)
      FOR_EACH_TIER(kernels) {
        WorkshopResult result;
        Error error;
        bool rows_only = list[i].shapes[0].k == 0;
        WorkshopShape shape = {5, 38, rows_only ? 0 : 37};
        assert_true(workshop_measure(&list[i], kernels, team, &ceilings, (Dtype)dtype, shape, seed,
                                     0.0, &result, &error));
        if (!result.correct) fail_msg("%s: residual %g", list[i].name, result.residual);
        assert_true(result.seconds > 0.0 && result.samples >= 5 && result.share > 0.0);
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
  assert_true(workshop_measure(&broken, kernels_for(cpu_best_tier()), team, &ceilings, DTYPE_F32,
                               (WorkshopShape){4, 100, 0}, 1, 0.0, &result, &error));
  assert_false(result.correct);
  assert_true(result.seconds == 0.0 && result.share == 0.0);
}

static void test_refuses_absurd_shapes(void **state) {
  (void)state;
  WorkshopResult result;
  Error error;
  static const WorkshopShape shapes[] = {{0, 1, 1}, {1, -4, 1}, {1 << 30, 1 << 30, 1}};
  for (size_t i = 0; i < COUNT_OF(shapes); i++)
    assert_false(workshop_measure(workshop_operator_by_name("linear"), &kernels_reference, team,
                                  &ceilings, DTYPE_F32, shapes[i], 1, 0.0, &result, &error));
  assert_null(workshop_operator_by_name("nothing"));
}

static int set_up(void **state) {
  (void)state;
  Error error;
  team = team_open(2, false, &error);
  ceilings = (Ceilings){.fma_gflop_per_s = 100.0, .read_gb_per_s = 10.0};
  return team ? 0 : -1;
}

static int tear_down(void **state) {
  (void)state;
  team_close(team);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_row),
      cmocka_unit_test(test_wrong_is_not_timed),
      cmocka_unit_test(test_refuses_absurd_shapes),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
