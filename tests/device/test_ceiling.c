// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// and then
#include "base/clock.h"
#include "device/ceiling.h"
#include <cmocka.h>

static void test_tier_names(void **state) {
  (void)state;
  CpuTier tier;
  for (int i = 0; i < CPU_TIER_COUNT; i++) {
    assert_true(cpu_tier_by_name(cpu_tier_name((CpuTier)i), &tier));
    assert_int_equal(tier, i);
  }
  assert_false(cpu_tier_by_name("AVX2", &tier));
  assert_true(cpu_best_tier() < CPU_TIER_COUNT);
  assert_int_equal(cpu_best_tier(), cpu_best_tier());
}

static void test_measures_something_sane(void **state) {
  (void)state;
  Error error;
  Team *team = team_open(0, false, &error);
  assert_non_null(team);
  int64_t start = clock_now();
  Ceilings ceilings;
  assert_true(ceilings_measure(team, cpu_best_tier(), &ceilings, &error));
  double seconds = clock_seconds(clock_now() - start);
  print_message(
      "# %s, %d threads: FMA %.1f / %.1f GFLOP/s, read %.1f GB/s, copy %.1f GB/s, %.2f s\n",
      cpu_tier_name(ceilings.tier), ceilings.threads, ceilings.fma_gflop_per_s_single,
      ceilings.fma_gflop_per_s, ceilings.read_gb_per_s, ceilings.copy_gb_per_s, seconds);
  assert_true(ceilings.fma_gflop_per_s_single > 0.1 && ceilings.fma_gflop_per_s_single < 1e5);
  assert_true(ceilings.read_gb_per_s > 0.01 && ceilings.read_gb_per_s < 1e4);
  assert_true(ceilings.copy_gb_per_s > 0.01 && ceilings.copy_gb_per_s < 1e4);
  assert_int_equal(ceilings.threads, team_size(team));
  team_close(team);
}

// A wider tier has the higher ceiling (or nearly: the clock may drop).
static void test_tiers_are_in_order(void **state) {
  (void)state;
  Error error;
  Team *team = team_open(1, false, &error);
  assert_non_null(team);
  double last = 0.0;
  for (int tier = 0; tier <= (int)cpu_best_tier(); tier++) {
    double rate = ceiling_fma(team, (CpuTier)tier, 11);
    print_message("# %s: %.1f GFLOP/s\n", cpu_tier_name((CpuTier)tier), rate);
    assert_true(rate > 0.5 * last);
    last = rate;
  }
  team_close(team);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_tier_names),
      cmocka_unit_test(test_measures_something_sane),
      cmocka_unit_test(test_tiers_are_in_order),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
