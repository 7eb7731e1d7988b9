// SPDX-License-Identifier: Apache-2.0
// The pure parts of the generation bench: metrics, the order of runs, correctness, shares, paper.
#include "bench/generation/announcement.h"
#include "bench/generation/correctness.h"
#include "bench/generation/feasibility.h"
#include "bench/generation/measurement.h"
#include "bench/generation/roofline.h"
#include "bench/prompt.h"
#include "bench/prompt_text.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

static void assert_close(double value, double expected) {
  if (!(fabs(value - expected) <= 1e-12 * fabs(expected)))
    print_error("%.17g, expected %.17g\n", value, expected);
  assert_true(fabs(value - expected) <= 1e-12 * fabs(expected));
}

static void metrics_follow_their_formulas(void **state) {
  (void)state;
  const int64_t times[] = {100, 200, 400, 110, 210, 510};
  const TokenTimes record = {2, 10, 3, times, 600, false};
  assert_close(token_metric("e2e_latency")->value(&record), 600e-9);
  assert_close(token_metric("time_to_first_token")->value(&record), 100e-9);
  assert_close(token_metric("inter_token_latency")->value(&record), (150 + 200) / 2.0 * 1e-9);
  assert_close(token_metric("throughput")->value(&record), 6 / 600e-9);
  assert_close(token_metric("prefill_throughput")->value(&record), 20 / 100e-9);
  assert_close(token_metric("decode_throughput")->value(&record), 4 / 410e-9);
  assert_null(token_metric("latency"));
}

static bool is_refused(const int64_t *times, int64_t new_tokens, int64_t end) {
  Error error;
  const TokenTimes record = {1, 10, new_tokens, times, end, false};
  return !token_times_check(&record, &error);
}

static void impossible_records_are_refused(void **state) {
  (void)state;
  assert_false(is_refused((int64_t[]){1, 2, 3}, 3, 3));
  assert_true(is_refused((int64_t[]){0, 2, 3}, 3, 3));
  assert_true(is_refused((int64_t[]){3, 2, 4}, 3, 9));
  assert_true(is_refused((int64_t[]){1, 2, 4}, 3, 3));
  assert_true(is_refused((int64_t[]){2, 2, 2}, 3, 3));
  assert_true(is_refused((int64_t[]){1}, 1, 3));
}

// An engine whose time is a counter: run number r takes r microseconds a token.
typedef struct {
  int64_t runs, batch, new_tokens, short_run, failing_run;
  char phases[64]; // a letter for each run, as the listener heard them
} Mock;

static bool mock_run(void *context, int32_t *ids, int64_t *times, int64_t *counts, int64_t *end,
                     Error *error) {
  Mock *mock = context;
  int64_t run = ++mock->runs;
  if (run == mock->failing_run) return error_set(error, ERROR_MEMORY, "mock", "failed");
  for (int64_t i = 0; i < mock->batch; i++) {
    counts[i] = mock->new_tokens - (run == mock->short_run);
    for (int64_t j = 0; j < mock->new_tokens; j++) {
      ids[i * mock->new_tokens + j] = (int32_t)(100 * run + j);
      times[i * mock->new_tokens + j] = (j + 1) * run * 1000;
    }
  }
  *end = (mock->new_tokens + 1) * run * 1000;
  return true;
}

static bool mock_listen(void *context, MeasurementPhase phase, int64_t done, int64_t total) {
  Mock *mock = context;
  assert_true(done >= 1 && done <= total);
  size_t length = strlen(mock->phases);
  mock->phases[length] = measurement_phase_name(phase)[0];
  return true;
}

static bool measure(Mock *mock, Measurement *measurement, Error *error) {
  const MeasurementPlan plan = {.warmup = 2,
                                .iterations = 3,
                                .batch = mock->batch,
                                .prompt_length = 7,
                                .new_tokens = mock->new_tokens,
                                .listener = mock_listen,
                                .listener_context = mock};
  const Executor executor = {mock, mock_run};
  return measurement_run(&plan, &executor, measurement, error);
}

static void runs_are_trial_warmup_measured(void **state) {
  (void)state;
  Mock mock = {.batch = 2, .new_tokens = 4};
  Measurement measurement;
  Error error;
  assert_true(measure(&mock, &measurement, &error));
  assert_string_equal(mock.phases, "twwmmm");
  assert_int_equal(measurement.trial_end, 5000);
  assert_int_equal(measurement.trial_first, 1000);
  for (int64_t i = 0; i < 3; i++) {
    TokenTimes times = measurement_times(&measurement, i);
    assert_int_equal(times.end, 5 * (4 + i) * 1000);
    assert_int_equal(times.times[7], 4 * (4 + i) * 1000);
    assert_int_equal(measurement.ids[i * 8 + 5], 100 * (4 + i) + 1);
  }
  assert_int_equal(measurement.allocations, 0);
  assert_true(measurement.usage.time_ns > 0);
  measurement_free(&measurement);
}

static void a_short_or_failing_run_fails_the_scenario(void **state) {
  (void)state;
  Measurement measurement;
  Error error;
  Mock brief = {.batch = 1, .new_tokens = 4, .short_run = 5};
  assert_false(measure(&brief, &measurement, &error));
  assert_int_equal(error.code, ERROR_MISMATCH);
  assert_non_null(strstr(error.message, "3 new tokens, expected 4"));
  Mock failing = {.batch = 1, .new_tokens = 4, .failing_run = 1};
  assert_false(measure(&failing, &measurement, &error));
  assert_int_equal(error.code, ERROR_MEMORY);
}

static void errors_are_relative_and_never_hide_nan(void **state) {
  (void)state;
  const float reference[] = {1, -4, 2}, near[] = {1, -4, 2.004f}, bad[] = {1, NAN, 2};
  assert_true(correctness_error(reference, reference, 3) == 0);
  assert_true(fabs(correctness_error(near, reference, 3) - 0.001) < 1e-6);
  assert_true(isinf(correctness_error(bad, reference, 3)));
  assert_true(isinf(correctness_error(reference, bad, 3)));
  assert_true(isinf(correctness_error((float[]){INFINITY}, (float[]){INFINITY}, 1)));
  assert_true(isinf(correctness_error((float[]){1}, (float[]){0}, 1)));
  assert_true(correctness_error((float[]){0}, (float[]){0}, 1) == 0);
  assert_true(correctness_bound(DTYPE_F32) == 1e-4 && correctness_bound(DTYPE_F16) == 1e-2 &&
              correctness_bound(DTYPE_BF16) == 5e-2);
}

static void tokens_may_differ_only_where_logits_are_close(void **state) {
  (void)state;
  // two positions, vocabulary of three; at the second, 1 and 2 are within the bound
  const float reference[] = {9, 0, 1, 0, 9.9f, 10};
  const int32_t expected[] = {0, 2};
  Correctness correctness = {.bound = 0.05};
  const int32_t same[] = {0, 2, 0, 2}, close[] = {0, 2, 0, 1}, wrong[] = {0, 2, 1, 2};
  assert_true(correctness_of_tokens(same, 2, 2, expected, 2, reference, 2, 3, &correctness));
  assert_int_equal(correctness.first_diverging_token, -1);
  assert_int_equal(correctness.compared_tokens, 2);
  assert_true(correctness_of_tokens(close, 2, 2, expected, 2, reference, 2, 3, &correctness));
  assert_int_equal(correctness.first_diverging_token, 1);
  assert_false(correctness_of_tokens(wrong, 2, 2, expected, 2, reference, 2, 3, &correctness));
  assert_int_equal(correctness.first_diverging_token, 0);
  const int32_t outside[] = {7, 2};
  assert_false(correctness_of_tokens(outside, 1, 2, expected, 2, reference, 2, 3, &correctness));
}

static double share(const json_t *object, const char *key) {
  return json_number_value(json_object_get(object, key));
}

static void shares_follow_the_issue(void **state) {
  (void)state;
  const Work work = {.weights = 100,
                     .weight_bytes = 200,
                     .decode_bytes = 300,
                     .prefill_flops = 4000,
                     .prefill_flops_executed = 5000,
                     .prefill_flops_dot = 3000};
  Ceilings ceilings = {.read_gb_per_s = 2, .fma_gflop_per_s = 10};
  json_t *roofline = roofline_json(&work, &ceilings, 1e-6, 2e-7);
  assert_close(share(roofline, "decode_share"), 200 / 2e-7 / 2e9);
  assert_close(share(roofline, "prefill_share"), 4000 / 1e-6 / 1e10);
  assert_close(share(roofline, "decode_share_executed"), 300 / 2e-7 / 2e9);
  assert_close(share(roofline, "prefill_share_executed"), 5000 / 1e-6 / 1e10);
  assert_string_equal(json_string_value(json_object_get(roofline, "prefill_ceiling")), "FMA");
  assert_null(json_object_get(roofline, "dot_gflop_per_s"));
  json_decref(roofline);
  ceilings.dot_gflop_per_s = 20; // 2000 FLOPs at 10, 3000 at 20 GFLOP/s
  roofline = roofline_json(&work, &ceilings, 1e-6, 2e-7);
  assert_close(share(roofline, "prefill_share"), 4000 / 1e-6 / 2e10);
  assert_close(share(roofline, "prefill_share_fma"), 4000 / 1e-6 / 1e10);
  assert_close(share(roofline, "prefill_share_executed"), (2e-7 + 1.5e-7) / 1e-6);
  assert_string_equal(json_string_value(json_object_get(roofline, "prefill_ceiling")), "dot");
  json_decref(roofline);
  json_t *written = work_json(&work);
  Field field = field_root(written, "work");
  Work again;
  Error error;
  assert_true(work_read(&field, &again, &error));
  assert_memory_equal(&again, &work, sizeof work);
  json_decref(written);
}

static void paper_counts_every_part(void **state) {
  (void)state;
  const ModelConfig config = {.vocabulary = 10,
                              .hidden = 4,
                              .layers = 2,
                              .heads = 2,
                              .kv_heads = 1,
                              .head_dim = 2,
                              .intermediate = 8,
                              .gated = true,
                              .tied = true,
                              .norm = NORM_RMS};
  const MemoryShape shape = {.batch = 2, .prompt_length = 3, .new_tokens = 5, .dtype = DTYPE_BF16};
  const MemoryFacts facts = memory_facts_of(&config);
  MemoryEstimate estimate = memory_estimate_of(&facts, &shape);
  assert_int_equal(estimate.weights, 2 * config_weights(&config));
  assert_int_equal(estimate.cache, 2 * 8 * 2 * 2 * 1 * 2 * 2);
  assert_int_equal(estimate.activations, 4 * (2 * 3 * (3 * 4 + 3 * 8) + 2 * 10));
  MemoryShape eager = shape;
  eager.score_matrix = true;
  MemoryEstimate more = memory_estimate_of(&facts, &eager);
  assert_int_equal(more.activations - estimate.activations, 4 * 2 * 2 * 3 * 3);
  assert_int_equal(memory_estimate_total(&estimate),
                   estimate.weights + estimate.cache + estimate.activations);
  MemoryShape deep = eager;
  deep.depth = 7;
  MemoryEstimate behind = memory_estimate_of(&facts, &deep);
  assert_int_equal(behind.cache, 2 * (7 + 8) * 2 * 2 * 1 * 2 * 2);
  assert_int_equal(behind.activations, 4 * (2 * 7 * (3 * 4 + 3 * 8) + 2 * 10 + 2 * 2 * (7 * 7)));
}

// As large a model and a scenario as flags and files may ask for.
static void paper_saturates(void **state) {
  (void)state;
  const MemoryFacts facts = {.weights = INT64_MAX / 3,
                             .vocabulary = CONFIG_MAX_VOCABULARY,
                             .hidden = CONFIG_MAX_WIDTH,
                             .layers = CONFIG_MAX_LAYERS,
                             .heads = CONFIG_MAX_HEADS,
                             .kv_heads = CONFIG_MAX_HEADS,
                             .head_dim = CONFIG_MAX_HEAD_DIM,
                             .intermediate = CONFIG_MAX_WIDTH,
                             .gated = true};
  MemoryShape shape = {.batch = SCENARIO_MAX_BATCH,
                       .depth = SCENARIO_MAX_TOKENS,
                       .prompt_length = SCENARIO_MAX_TOKENS,
                       .new_tokens = SCENARIO_MAX_TOKENS,
                       .dtype = DTYPE_F32};
  for (int i = 0; i < 2; i++) {
    shape.score_matrix = i;
    MemoryEstimate estimate = memory_estimate_of(&facts, &shape);
    assert_int_equal(estimate.weights, INT64_MAX);
    assert_int_equal(estimate.cache, INT64_MAX);
    assert_int_equal(estimate.activations, INT64_MAX);
    assert_int_equal(memory_estimate_total(&estimate), INT64_MAX);
  }
}

static const Feasibility small_machine = {.facts = {.weights = 1000000,
                                                    .vocabulary = 1000,
                                                    .hidden = 64,
                                                    .layers = 2,
                                                    .heads = 4,
                                                    .kv_heads = 2,
                                                    .head_dim = 16,
                                                    .intermediate = 256,
                                                    .gated = true},
                                          .position_limit = 1 << 20,
                                          .weights_held = 2000000,
                                          .available = INT64_C(1) << 30};

static ErrorCode refusal(const Feasibility *feasibility, int64_t batch, int64_t prompt,
                         const char *attention, Error *error) {
  Scenario scenario = scenario_standard();
  scenario.batch_size = batch;
  scenario.sequence_length = prompt;
  scenario.num_tokens_to_generate = 10;
  snprintf(scenario.attn_implementation, sizeof scenario.attn_implementation, "%s", attention);
  *error = (Error){0};
  return feasibility_check(feasibility, &scenario, error) ? ERROR_NONE : error->code;
}

static void what_does_not_fit_is_known_before(void **state) {
  (void)state;
  Error error;
  const Feasibility *machine = &small_machine;
  assert_int_equal(refusal(machine, 1, 4096, "eager", &error), ERROR_NONE);
  assert_int_equal(refusal(machine, 4, 4096, "sdpa", &error), ERROR_NONE);
  assert_int_equal(refusal(machine, 4, 4096, "eager", &error), ERROR_MEMORY);
  assert_string_equal(error.message, "needs about 1.1 GiB of memory, 1.0 GiB are available: lower "
                                     "--batch-size or --sequence-length");
  assert_int_equal(refusal(machine, SCENARIO_MAX_BATCH, 1 << 18, "sdpa", &error), ERROR_MEMORY);
  Feasibility unknown = *machine;
  unknown.available = 0;
  assert_int_equal(refusal(&unknown, 4, 4096, "eager", &error), ERROR_NONE);
  assert_true(feasibility_check_reference(machine, DTYPE_BF16, 0, 4096, 64, &error));
  assert_false(feasibility_check_reference(machine, DTYPE_BF16, 0, 16384, 64, &error));
  assert_int_equal(error.code, ERROR_MEMORY);
}

static void positions_are_counted_before(void **state) {
  (void)state;
  Error error;
  Feasibility gpt2 = small_machine;
  gpt2.position_limit = 1024;
  assert_int_equal(refusal(&gpt2, 1, 1014, "eager", &error), ERROR_NONE);
  assert_int_equal(refusal(&gpt2, 1, 1020, "eager", &error), ERROR_ARGUMENT);
  assert_string_equal(error.message, "--sequence-length 1020 + --num-tokens-to-generate 10 is "
                                     "1030, but the model has 1024 positions");
  Scenario deep = scenario_standard();
  deep.depth = 800;
  assert_false(feasibility_check(&gpt2, &deep, &error));
  assert_string_equal(error.message,
                      "--depth 800 + --sequence-length 128 + --num-tokens-to-generate 128 is 1056, "
                      "but the model has 1024 positions");
  gpt2.position_limit = 0;
  assert_int_equal(refusal(&gpt2, 1, 1020, "eager", &error), ERROR_NONE);
}

static json_t *measured(const char *verdict) {
  json_t *ours =
      json_pack("{s:{s:{s:f}, s:{s:f}, s:{s:f}}, s:{s:s, s:f}}", "statistics", "e2e_latency", "med",
                0.1234, "prefill_throughput", "med", 900.0, "decode_throughput", "med", 80.0,
                "correctness", "verdict", verdict, "error", 0.25);
  assert_non_null(ours);
  return ours;
}

static void an_announcement_drops_what_matters_least(void **state) {
  (void)state;
  static const struct {
    const char *verdict;
    int room;
    const char *text;
  } cases[] = {
      {"valid", 1000, "123.4 ms, prefill 900 tok/s, decode 80 tok/s, valid (error 0.25)"},
      {"valid", 64, "123.4 ms, prefill 900 tok/s, decode 80 tok/s, valid (error 0.25)"},
      {"valid", 63, "123.4 ms, prefill 900 tok/s, decode 80 tok/s"},
      {"valid", 40, "123.4 ms, decode 80 tok/s"},
      {"valid", 20, "123.4 ms"},
      {"valid", -5, "123.4 ms"},
      {"invalid", 60, "123.4 ms, decode 80 tok/s, invalid (error 0.25)"},
      {"invalid", 40, "123.4 ms, invalid (error 0.25)"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    char line[ANNOUNCEMENT_SIZE];
    json_t *ours = measured(cases[i].verdict);
    announcement_measured(ours, cases[i].room, line);
    assert_string_equal(line, cases[i].text);
    json_decref(ours);
  }
}

// A tokenizer of one id a word, with a beginning id 7.
static bool count_words(void *context, const char *text, size_t size, TokenIds *ids, Error *error) {
  (void)error;
  bool inside = false;
  ++*(int *)context;
  ARRAY_APPEND(ids, 7);
  for (size_t i = 0; i < size; i++) {
    bool letter = text[i] != ' ' && text[i] != '\n';
    int32_t id = (int32_t)ids->count;
    if (letter && !inside) ARRAY_APPEND(ids, id);
    inside = letter;
  }
  return true;
}

static void prompts_have_exactly_the_length(void **state) {
  (void)state;
  const int64_t lengths[] = {1, 128, 3000, 100000};
  for (size_t i = 0; i < COUNT_OF(lengths); i++) {
    TokenIds ids = {0};
    Error error;
    int calls = 0;
    assert_true(prompt_encode(count_words, &calls, lengths[i], &ids, &error));
    assert_int_equal(ids.count, lengths[i]);
    assert_int_equal(ids.items[0], 7);
    assert_true(calls <= 3);
    ARRAY_FREE(&ids);
  }
}

static bool give_nothing(void *context, const char *text, size_t size, TokenIds *ids,
                         Error *error) {
  (void)context, (void)text, (void)size, (void)ids, (void)error;
  return true;
}

static void a_tokenizer_that_gives_nothing_ends(void **state) {
  (void)state;
  TokenIds ids = {0};
  Error error;
  assert_false(prompt_encode(give_nothing, NULL, 10, &ids, &error));
  assert_int_equal(error.code, ERROR_ARGUMENT);
  ARRAY_FREE(&ids);
}

static void the_text_is_prose_of_2000_words(void **state) {
  (void)state;
  size_t words = 0;
  for (size_t i = 0; i < prompt_paragraph_count; i++)
    for (const char *c = prompt_paragraphs[i]; *c; c++) {
      assert_true(*c >= ' ' && *c <= '~');
      words += *c == ' ';
      assert_false(c[0] == ' ' && c[1] == ' ');
    }
  assert_true(prompt_paragraph_count >= 5);
  assert_true(words > 2000);
}

static void drawn_prompts_are_prefixes_of_each_other(void **state) {
  (void)state;
  TokenIds few = {0}, many = {0};
  prompt_draw(512, 10, &few);
  prompt_draw(512, 1000, &many);
  assert_memory_equal(few.items, many.items, 10 * sizeof(int32_t));
  for (size_t i = 0; i < many.count; i++) assert_true(many.items[i] >= 0 && many.items[i] < 512);
  ARRAY_FREE(&few);
  ARRAY_FREE(&many);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(metrics_follow_their_formulas),
      cmocka_unit_test(impossible_records_are_refused),
      cmocka_unit_test(runs_are_trial_warmup_measured),
      cmocka_unit_test(a_short_or_failing_run_fails_the_scenario),
      cmocka_unit_test(errors_are_relative_and_never_hide_nan),
      cmocka_unit_test(tokens_may_differ_only_where_logits_are_close),
      cmocka_unit_test(shares_follow_the_issue),
      cmocka_unit_test(paper_counts_every_part),
      cmocka_unit_test(paper_saturates),
      cmocka_unit_test(what_does_not_fit_is_known_before),
      cmocka_unit_test(positions_are_counted_before),
      cmocka_unit_test(an_announcement_drops_what_matters_least),
      cmocka_unit_test(prompts_have_exactly_the_length),
      cmocka_unit_test(a_tokenizer_that_gives_nothing_ends),
      cmocka_unit_test(the_text_is_prose_of_2000_words),
      cmocka_unit_test(drawn_prompts_are_prefixes_of_each_other),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
