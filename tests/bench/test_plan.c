// SPDX-License-Identifier: Apache-2.0
// What is planned before a sweep: estimates, order, budget of time, precision.
#include "base/clock.h"
#include "base/random.h"
#include "bench/generation/finished.h"
#include "bench/generation/measurement.h"
#include "bench/generation/pacing.h"
#include "bench/generation/sweep_plan.h"
#include "bench/result_files.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

static const PlanFacts small_machine = {
    .cost = {.facts = {.weights = 1000000,
                       .vocabulary = 1000,
                       .hidden = 64,
                       .layers = 2,
                       .heads = 4,
                       .kv_heads = 2,
                       .head_dim = 16,
                       .intermediate = 256,
                       .gated = true},
             .ceilings = {.fma_gflop_per_s = 100, .read_gb_per_s = 10},
             .fixed_seconds = 0.25},
    .feasibility = {.facts = {.weights = 1000000,
                              .vocabulary = 1000,
                              .hidden = 64,
                              .layers = 2,
                              .heads = 4,
                              .kv_heads = 2,
                              .head_dim = 16,
                              .intermediate = 256,
                              .gated = true},
                    .available = INT64_C(1) << 30}};

static const char *const dtypes[] = {"float32", "bfloat16"};
static const int64_t batches[] = {1, 4, 2, SCENARIO_MAX_BATCH}, depths[] = {0, 500};

static void build(ScenarioMatrix *matrix) {
  Error error;
  Scenario base = scenario_standard();
  const Scenarios from = {&base, 1, 1};
  const RuleFacts facts = {.flash_attention_2 = true};
  const MatrixAxes axes = {.dtypes = dtypes,
                           .dtype_count = 2,
                           .batch_sizes = batches,
                           .batch_size_count = 4,
                           .depths = depths,
                           .depth_count = 2};
  assert_true(scenario_matrix_build(&from, &axes, RULES_ALL, &facts, matrix, &error));
  assert_int_equal(matrix->cells.count, 16);
}

static void estimates_grow_with_the_work(void **state) {
  (void)state;
  Error error;
  Scenario scenario = scenario_standard();
  CostEstimate least, more;
  assert_true(cost_estimate_of(&small_machine.cost, &scenario, &least, &error));
  assert_true(least.seconds > 0.25 && least.bytes > 2000000);
  int64_t *const fields[] = {&scenario.depth, &scenario.sequence_length,
                             &scenario.num_tokens_to_generate, &scenario.measurement_iterations,
                             &scenario.batch_size};
  for (size_t i = 0; i < COUNT_OF(fields); i++) {
    *fields[i] += 100;
    assert_true(cost_estimate_of(&small_machine.cost, &scenario, &more, &error));
    assert_true(more.seconds > least.seconds);
    assert_true(more.bytes > least.bytes || fields[i] == &scenario.measurement_iterations);
    least = more;
  }
}

static void a_plan_says_what_will_not_run(void **state) {
  (void)state;
  Error error;
  ScenarioMatrix matrix;
  SweepPlan plan;
  build(&matrix);
  strcpy(matrix.cells.items[1].effective.device, "tpu");
  PlanFacts facts = small_machine;
  facts.earlier = json_pack("{s:{s:s, s:{s:f, s:i}}}", matrix.cells.items[0].hash, "status",
                            "measured", "plan", "actual_seconds", 12.5, "actual_bytes", 77);
  assert_true(sweep_plan_make(&facts, &matrix, &plan, &error));
  assert_int_equal(plan.items[0].estimate.source, ESTIMATE_EARLIER);
  assert_float_equal(plan.items[0].estimate.seconds, 12.5, 0);
  assert_int_equal(plan.items[0].estimate.bytes, 77);
  assert_int_equal(plan.items[1].fate, FATE_SKIPPED);
  assert_non_null(strstr(plan.items[1].reason, "device tpu"));
  PlanTotals totals = sweep_plan_totals(&plan);
  assert_int_equal(totals.counts[FATE_REFUSED], 4);
  assert_int_equal(totals.counts[FATE_RUN], 11);
  assert_int_equal(totals.earlier, 1);
  double seconds = 0;
  for (size_t i = 0; i < plan.count; i++) {
    bool most = matrix.cells.items[i].effective.batch_size == SCENARIO_MAX_BATCH;
    assert_int_equal(plan.items[i].fate == FATE_REFUSED, most);
    if (most) assert_non_null(strstr(plan.items[i].reason, "lower --batch-size"));
    if (plan.items[i].fate == FATE_RUN) seconds += plan.items[i].estimate.seconds;
  }
  assert_float_equal(totals.seconds, seconds, 1e-9);
  json_decref((json_t *)facts.earlier);
  sweep_plan_free(&plan);
  assert_true(sweep_plan_make(NULL, &matrix, &plan, &error));
  assert_int_equal(sweep_plan_totals(&plan).counts[FATE_REFUSED], 0);
  sweep_plan_free(&plan);
  scenario_matrix_free(&matrix);
}

// Every scenario once, dtypes together.
static void assert_permuted(const ScenarioMatrix *matrix, const ScenarioMatrix *listed) {
  for (size_t i = 0; i < listed->cells.count; i++) {
    size_t found = 0;
    for (size_t j = 0; j < matrix->cells.count; j++)
      found += strcmp(listed->cells.items[i].hash, matrix->cells.items[j].hash) == 0;
    assert_int_equal(found, 1);
    assert_string_equal(matrix->cells.items[i].effective.dtype, dtypes[i / 8]);
  }
}

static bool same_order(const ScenarioMatrix *a, const ScenarioMatrix *b) {
  for (size_t i = 0; i < a->cells.count; i++)
    if (strcmp(a->cells.items[i].hash, b->cells.items[i].hash) != 0) return false;
  return true;
}

static void ordered(SweepOrder order, uint64_t seed, ScenarioMatrix *matrix, SweepPlan *plan) {
  Error error;
  build(matrix);
  assert_true(sweep_plan_make(&small_machine, matrix, plan, &error));
  sweep_plan_order(plan, matrix, order, seed);
}

static void orders_permute_within_a_dtype(void **state) {
  (void)state;
  ScenarioMatrix listed, matrix, again;
  SweepPlan plan, other;
  build(&listed);
  ordered(ORDER_LISTED, 0, &matrix, &plan);
  assert_true(same_order(&matrix, &listed));
  sweep_plan_free(&plan);
  scenario_matrix_free(&matrix);
  ordered(ORDER_LARGEST_FIRST, 0, &matrix, &plan);
  assert_permuted(&matrix, &listed);
  for (size_t i = 1; i < plan.count; i++)
    assert_true(i == 8 || plan.items[i].estimate.bytes <= plan.items[i - 1].estimate.bytes);
  sweep_plan_free(&plan);
  scenario_matrix_free(&matrix);
  int moved = 0;
  for (uint64_t seed = 0; seed < 20; seed++) {
    ordered(ORDER_SHUFFLED, seed, &matrix, &plan);
    ordered(ORDER_SHUFFLED, seed, &again, &other);
    assert_permuted(&matrix, &listed);
    assert_true(same_order(&matrix, &again));
    moved += !same_order(&matrix, &listed);
    sweep_plan_free(&plan);
    sweep_plan_free(&other);
    scenario_matrix_free(&matrix);
    scenario_matrix_free(&again);
  }
  assert_true(moved >= 19);
  scenario_matrix_free(&listed);
}

static void a_budget_learns_from_what_was_run(void **state) {
  (void)state;
  const PacingOptions options = {.budget = 10};
  char reason[200];
  Pacing pacing = pacing_begin(&options);
  const CostEstimate paper = {.seconds = 4}, earlier = {.seconds = 4, .source = ESTIMATE_EARLIER};
  int64_t now = pacing.start + 5000000000;
  assert_true(pacing_fits(&pacing, &paper, now, reason, sizeof reason));
  pacing_took(&pacing, &paper, 8);
  pacing_took(&pacing, &earlier, 800);
  pacing_took(&pacing, NULL, 800);
  assert_false(pacing_fits(&pacing, &paper, now, reason, sizeof reason));
  assert_string_equal(reason, "left for --resume: needs about 8 s, 5 s of --time-budget remain");
  assert_true(pacing_fits(&pacing, &earlier, now, reason, sizeof reason));
  assert_true(pacing_fits(&pacing, NULL, now, reason, sizeof reason));
  assert_false(pacing_fits(&pacing, NULL, pacing.start + 10000000001, reason, sizeof reason));
  pacing.options.budget = 0;
  assert_true(pacing_fits(&pacing, &paper, INT64_MAX, reason, sizeof reason));
}

static void a_pause_can_be_interrupted(void **state) {
  (void)state;
  Error error;
  const PacingOptions options = {.cool_down = 0.05};
  Pacing pacing = pacing_begin(&options);
  int64_t start = clock_now();
  assert_true(pacing_wait(&pacing, -1, &error));
  assert_true(clock_now() - start < 50000000);
  pacing_took(&pacing, NULL, 1);
  start = clock_now();
  assert_true(pacing_wait(&pacing, -1, &error));
  assert_true(clock_now() - start >= 50000000);
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  assert_int_equal(write(ends[1], "x", 1), 1);
  pacing.options.cool_down = 1000;
  assert_false(pacing_wait(&pacing, ends[0], &error));
  assert_int_equal(error.code, ERROR_INTERRUPTED);
  close(ends[0]);
  close(ends[1]);
}

// Runs whose time of decoding varies by `noise`.
typedef struct {
  Random random;
  double noise;
  int64_t runs;
} Noisy;

static bool run_noisy(void *context, int32_t *ids, int64_t *times, int64_t *counts, int64_t *end,
                      Error *error) {
  (void)error;
  Noisy *noisy = context;
  double step = 1e6 * exp(noisy->noise * random_normal(&noisy->random));
  for (int i = 0; i < 5; i++) {
    times[i] = (int64_t)(step * (i + 1));
    ids[i] = i;
  }
  counts[0] = 5;
  *end = times[4] + 1;
  noisy->runs++;
  return true;
}

static Measurement measure(double noise, double until, int64_t most, int64_t *runs) {
  Error error;
  Noisy noisy = {random_seeded(7), noise, 0};
  Executor executor = {&noisy, run_noisy};
  MeasurementPlan plan = {.warmup = 2,
                          .iterations = 5,
                          .batch = 1,
                          .prompt_length = 3,
                          .new_tokens = 5,
                          .goal = {until, most}};
  Measurement measurement;
  assert_true(measurement_run(&plan, &executor, &measurement, &error));
  *runs = noisy.runs;
  return measurement;
}

static void runs_go_on_until_they_are_precise(void **state) {
  (void)state;
  int64_t runs;
  Measurement measurement = measure(0.1, 0, 1000, &runs);
  assert_int_equal(measurement.iterations, 5);
  assert_int_equal(runs, 8);
  measurement_free(&measurement);
  measurement = measure(0.1, 0.02, 1000, &runs);
  assert_true(measurement.iterations > 20 && measurement.iterations < 1000);
  assert_int_equal(runs, measurement.iterations + 3);
  assert_true(measurement.precision <= 0.02);
  TokenTimes first = measurement_times(&measurement, 0);
  assert_float_equal(precision_reached(&first, measurement.iterations), measurement.precision, 0);
  const PrecisionGoal goal = {0.02, 1000};
  json_t *told = precision_json(&goal, measurement.precision, 5, measurement.iterations);
  assert_true(json_is_true(json_object_get(told, "within")));
  assert_int_equal(json_integer_value(json_object_get(told, "iterations")), measurement.iterations);
  json_decref(told);
  measurement_free(&measurement);
  measurement = measure(0.5, 0.001, 17, &runs);
  assert_int_equal(measurement.iterations, 17);
  assert_true(measurement.precision > 0.001);
  measurement_free(&measurement);
  measurement = measure(0, 0.001, 17, &runs);
  assert_int_equal(measurement.iterations, 5);
  measurement_free(&measurement);
}

static void an_earlier_result_must_be_precise_enough(void **state) {
  (void)state;
  Error error;
  char folder[] = "/tmp/test_plan.XXXXXX";
  assert_non_null(mkdtemp(folder));
  Results *results = results_open(folder, "preset:mock", false, &error);
  assert_non_null(results);
  MatrixCell cell = {.hash = "abc"};
  json_t *trust = json_pack("{s:[]}", "model_files");
  EntryFacts facts = {.trust = trust};
  assert_false(finished_in(results, &facts, &cell));
  json_t *entry = json_pack("{s:{s:b}, s:{s:s, s:{s:[]}, s:{s:f, s:i}, s:{s:f, s:b, s:i}}}",
                            "metadata", "success", 1, "attometer", "status", "measured", "trust",
                            "model_files", "plan", "actual_seconds", 3.0, "actual_bytes", 4,
                            "precision", "reached", 0.03, "within", 0, "most", 50);
  assert_true(results_put(results, "abc", entry, &error));
  assert_true(finished_in(results, &facts, &cell));
  facts.goal = (PrecisionGoal){0.04, 100};
  assert_true(finished_in(results, &facts, &cell));
  facts.goal = (PrecisionGoal){0.02, 100};
  assert_false(finished_in(results, &facts, &cell));
  facts.goal.most = 50;
  assert_true(finished_in(results, &facts, &cell));
  json_t *earlier = result_files_earlier(folder, "preset:mock");
  CostEstimate estimate = {.bytes = 1};
  assert_true(cost_estimate_earlier(json_object_get(earlier, "abc"), &estimate));
  assert_float_equal(estimate.seconds, 3, 0);
  assert_int_equal(estimate.bytes, 4);
  assert_false(cost_estimate_earlier(json_object_get(earlier, "other"), &estimate));
  json_decref(earlier);
  json_decref(trust);
  results_close(results);
  char command[80];
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  assert_int_equal(system(command), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(estimates_grow_with_the_work),
      cmocka_unit_test(a_plan_says_what_will_not_run),
      cmocka_unit_test(orders_permute_within_a_dtype),
      cmocka_unit_test(a_budget_learns_from_what_was_run),
      cmocka_unit_test(a_pause_can_be_interrupted),
      cmocka_unit_test(runs_go_on_until_they_are_precise),
      cmocka_unit_test(an_earlier_result_must_be_precise_enough),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
