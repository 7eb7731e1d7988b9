// SPDX-License-Identifier: Apache-2.0
// Rounds of A and B against workers that answer without an engine: this program is its own worker,
// and the batch size says how it behaves.
#include "base/clock.h"
#include "base/random.h"
#include "bench/generation/ab_document.h"
#include "bench/worker_events.h"
#include "fake_worker.h"
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

enum { BASE = 1, EQUAL = 2, SLOW = 3, SLIGHT = 4, WRONG = 5, KILLED = 6 };

static double slowness(int64_t batch) {
  return batch == SLOW ? 1.3 : batch == SLIGHT ? 1.002 : 1;
}

// Times of 1 ms a token with 2 % of noise.
static json_t *fake_scenario(const WorkerRequest *request) {
  Random random = random_seeded((uint64_t)clock_now() ^ (uint64_t)getpid() << 32);
  json_t *times = json_array(), *ends = json_array(), *ids = json_array();
  int64_t tokens = request->cases[0].new_tokens;
  for (int64_t i = 0; i < request->iterations; i++) {
    double noise = request->batch == SLIGHT || request->batch == EQUAL ? 0.0001 : 0.02;
    double step = 1e6 * slowness(request->batch) * exp(noise * random_normal(&random));
    json_t *sequences = json_array(), *row = json_array();
    for (int64_t j = 0; j < request->batch; j++) {
      json_t *sequence = json_array();
      for (int64_t k = 0; k < tokens; k++)
        json_array_append_new(sequence, json_integer((json_int_t)(step * (double)(k + 1))));
      json_array_append_new(sequences, sequence);
    }
    for (int64_t k = 0; k < tokens; k++) json_array_append_new(row, json_integer(k));
    json_array_append_new(times, sequences);
    json_array_append_new(ids, row);
    json_array_append_new(ends, json_integer((json_int_t)(step * (double)(tokens + 1))));
  }
  bool wrong = request->batch == WRONG;
  return json_pack("{s:o, s:o, s:o, s:{s:i, s:i, s:i, s:f, s:f, s:f}, s:{s:f, s:f, s:f}, "
                   "s:{s:f, s:f, s:s}}",
                   "times_ns", times, "ends_ns", ends, "ids", ids, "work", "weights", 10,
                   "weight_bytes", 20, "decode_bytes", 30, "prefill_flops", 40.0,
                   "prefill_flops_executed", 50.0, "prefill_flops_dot", 0.0, "ceilings",
                   "read_gb_per_s", 0.0, "fma_gflop_per_s", 0.0, "dot_gflop_per_s", 0.0,
                   "correctness", "error", wrong ? 0.5 : 0.001, "bound", 0.05, "verdict",
                   wrong ? "invalid" : "valid");
}

static int fake_worker(void) {
  WorkerRequest request;
  Arena *arena = arena_open(0);
  if (!fake_request(arena, &request)) return 1;
  if (request.task == TASK_SCENARIO && request.batch == KILLED) kill(getpid(), SIGKILL);
  if (request.task == TASK_SCENARIO && !request.brief) return 1;
  worker_event_result(1, request.task == TASK_MAKE        ? fake_make()
                         : request.task == TASK_REFERENCE ? fake_reference(&request)
                                                          : fake_scenario(&request));
  arena_close(arena);
  return 0;
}

static char *const worker[] = {"test", "worker", NULL};

static AbOptions options_of(int64_t a, int64_t b, Progress *progress) {
  AbOptions options = {.stock = {.model = "preset:mock", .prompt = fake_prompt},
                       .rounds_most = 40,
                       .looks = 4,
                       .alpha = 0.05,
                       .least_effect = 0.01,
                       .seed = (uint64_t)clock_now(),
                       .progress = progress};
  const int64_t batches[AB_SIDES] = {a, b};
  *progress = progress_open(NULL);
  options.stock.command = (WorkerCommand){"/proc/self/exe", worker, 60000000000, -1};
  for (int side = 0; side < AB_SIDES; side++) {
    options.commands[side] = options.stock.command;
    Scenario *scenario = &options.cells[side].effective;
    *scenario = scenario_standard();
    scenario->batch_size = batches[side];
    scenario->measurement_iterations = 3;
    scenario->num_tokens_to_generate = 5;
    options.cells[side].requested = *scenario;
    snprintf(options.cells[side].hash, sizeof options.cells[side].hash, "%d", side);
  }
  return options;
}

static AbOutcome run(const AbOptions *options) {
  Error error;
  AbOutcome outcome;
  bool done = ab_run(options, &outcome, &error);
  if (!done) print_error("%s: %s\n", error.where, error.message);
  assert_true(done);
  return outcome;
}

static void a_difference_is_found_either_way(void **state) {
  (void)state;
  Progress progress;
  // batches of another size have another throughput for the same time: only times are looked at
  const struct {
    int64_t a, b;
    Verdict verdict;
  } cases[] = {{BASE, SLOW, VERDICT_WORSE}, {SLOW, BASE, VERDICT_BETTER}};
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    AbOptions options = options_of(cases[i].a, cases[i].b, &progress);
    AbOutcome outcome = run(&options);
    assert_int_equal(outcome.end, AB_DECIDED);
    assert_true(outcome.rounds >= 8 && outcome.rounds <= 40);
    for (int metric = 0; metric < AB_METRICS; metric++) {
      const SequentialComparison *found = &outcome.comparisons[metric];
      if (strcmp(ab_metric_tags[metric], "throughput") == 0) continue;
      assert_int_equal(found->verdict, cases[i].verdict);
      assert_true(fabs(log(found->ratio)) > log(1.2) && fabs(log(found->ratio)) < log(1.4));
      assert_true(found->interval.low <= found->ratio && found->ratio <= found->interval.high);
    }
    size_t b_first = 0;
    for (size_t j = 0; j < outcome.rounds; j++) b_first += outcome.b_first[j];
    assert_true(outcome.rounds < 20 || (b_first > 0 && b_first < outcome.rounds));
    ab_free(&outcome);
  }
}

static void what_does_not_matter_is_the_same(void **state) {
  (void)state;
  Progress progress;
  AbOptions options = options_of(SLIGHT, SLIGHT, &progress);
  AbOutcome outcome = run(&options);
  assert_int_equal(outcome.end, AB_DECIDED);
  assert_int_equal(ab_verdict(&outcome), AB_SAME);
  ab_free(&outcome);
}

static void noise_is_no_verdict(void **state) {
  (void)state;
  Progress progress;
  AbOptions options = options_of(BASE, BASE, &progress);
  options.rounds_most = 12;
  int told = 0;
  for (int i = 0; i < 5; i++) {
    options.seed++;
    AbOutcome outcome = run(&options);
    told += ab_verdict(&outcome) == AB_BETTER || ab_verdict(&outcome) == AB_WORSE;
    ab_free(&outcome);
  }
  assert_true(told < 4); // each with a chance of 5 % at most
}

static void a_wrong_side_has_no_time(void **state) {
  (void)state;
  Progress progress;
  AbOptions options = options_of(BASE, WRONG, &progress);
  AbOutcome outcome = run(&options);
  EntryFacts facts = {.model_id = "preset:mock", .trust = json_object()};
  assert_int_equal(outcome.end, AB_INVALID);
  assert_int_equal(outcome.rounds, 1);
  assert_true(outcome.valid[AB_A] && !outcome.valid[AB_B]);
  assert_int_equal(ab_verdict(&outcome), AB_CANNOT_TELL);
  json_t *document = ab_document(&options, &outcome, &facts, facts.trust, facts.trust);
  assert_non_null(document);
  const json_t *metrics = json_object_get(document, "metrics");
  assert_int_equal(json_object_size(metrics), AB_METRICS);
  assert_true(
      json_is_null(json_object_get(json_object_get(metrics, "inter_token_latency"), "ratio")));
  const json_t *correctness = json_object_get(json_object_get(document, "b"), "correctness");
  assert_string_equal(json_string_value(json_object_get(correctness, "verdict")), "invalid");
  json_decref(document);
  json_decref((json_t *)facts.trust);
  ab_free(&outcome);
}

static void a_side_that_dies_is_named(void **state) {
  (void)state;
  Error error;
  Progress progress;
  AbOutcome outcome;
  AbOptions options = options_of(BASE, KILLED, &progress);
  assert_false(ab_run(&options, &outcome, &error));
  assert_int_equal(error.code, ERROR_CHILD);
  assert_true(strncmp(error.where, "B", 1) == 0);
  assert_non_null(strstr(error.message, "signal 9"));
  ab_free(&outcome);
  options = options_of(BASE, BASE, &progress);
  strcpy(options.cells[AB_A].effective.device, "tpu"); // not in this build
  assert_false(ab_run(&options, &outcome, &error));
  assert_int_equal(error.code, ERROR_UNSUPPORTED);
  assert_string_equal(error.where, "A");
  ab_free(&outcome);
}

static void a_budget_ends_the_rounds(void **state) {
  (void)state;
  Progress progress;
  AbOptions options = options_of(BASE, BASE, &progress);
  options.budget = 0.0001;
  AbOutcome outcome = run(&options);
  assert_int_equal(outcome.end, AB_TIME);
  assert_int_equal(outcome.rounds, 1);
  assert_int_equal(ab_verdict(&outcome), AB_CANNOT_TELL);
  ab_free(&outcome);
}

static void a_seed_repeats_the_order(void **state) {
  (void)state;
  Progress progress;
  AbOptions options = options_of(BASE, BASE, &progress);
  options.rounds_most = 6;
  AbOutcome first = run(&options), again = run(&options);
  assert_int_equal(first.rounds, again.rounds);
  assert_memory_equal(first.b_first, again.b_first, first.rounds * sizeof(bool));
  ab_free(&first);
  ab_free(&again);
}

int main(int count, char **words) {
  if (count > 1 && strcmp(words[1], "worker") == 0) return fake_worker();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_difference_is_found_either_way),
      cmocka_unit_test(what_does_not_matter_is_the_same),
      cmocka_unit_test(noise_is_no_verdict),
      cmocka_unit_test(a_wrong_side_has_no_time),
      cmocka_unit_test(a_side_that_dies_is_named),
      cmocka_unit_test(a_budget_ends_the_rounds),
      cmocka_unit_test(a_seed_repeats_the_order),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
