// SPDX-License-Identifier: Apache-2.0
// The worker's tasks with the real engine, on a model of two small layers, in this process: the
// descriptors of a worker are opened where it expects them.
#include "bench/generation/answer.h"
#include "bench/generation/correctness.h"
#include "bench/generation/feasibility.h"
#include "bench/generation/worker_tasks.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

enum { PROMPT = 24, TOKENS = 12, VOCABULARY = 512 };

typedef struct {
  Team *team;
  Arena *arena;
  int32_t prompt[PROMPT];
  RequestCase item;
  WorkerRequest request;
} Bed;

static void open_at(int descriptor, const char *name, off_t size) {
  int file = memfd_create(name, MFD_ALLOW_SEALING);
  assert_true(file >= 0);
  assert_int_equal(ftruncate(file, size), 0);
  if (file == descriptor) return;
  assert_int_equal(dup2(file, descriptor), descriptor);
  close(file);
}

static void bed_open(Bed *bed, Dtype dtype, const char *attention) {
  Error error;
  *bed = (Bed){.team = team_open(2, false, &error), .arena = arena_open(0)};
  assert_non_null(bed->team);
  for (int i = 0; i < PROMPT; i++) bed->prompt[i] = (int32_t)(i * 37 % VOCABULARY);
  bed->item = (RequestCase){.prompt = bed->prompt,
                            .prompt_length = PROMPT,
                            .new_tokens = TOKENS,
                            .steps = CORRECTNESS_STEPS};
  bed->request = (WorkerRequest){.model = "preset:tiny",
                                 .dtype = dtype,
                                 .rounding = dtype,
                                 .tier = cpu_best_tier(),
                                 .attention = attention,
                                 .batch = 2,
                                 .warmup = 1,
                                 .iterations = 3,
                                 .cases = &bed->item,
                                 .case_count = 1};
  open_at(REQUEST_WEIGHTS, "weights", 0);
  open_at(REQUEST_REFERENCE, "reference", (CORRECTNESS_STEPS + 1) * VOCABULARY * sizeof(float));
}

static void bed_close(Bed *bed) {
  close(REQUEST_WEIGHTS);
  close(REQUEST_REFERENCE);
  arena_close(bed->arena);
  team_close(bed->team);
}

static void take_expected(Bed *bed, const json_t *reference) {
  Error error;
  Field root = field_root(reference, "reference"), rows = field_get(&root, "ids"),
        row = field_at(&rows, 0);
  assert_true(ids_read(&row, bed->arena, &bed->item.expected, &bed->item.expected_count, &error));
  assert_int_equal(bed->item.expected_count, TOKENS);
}

static json_t *check(json_t *answer, const Error *error) {
  if (!answer) print_error("%s: %s\n", error->where, error->message);
  assert_non_null(answer);
  return answer;
}

// Makes, references and measures as the runner has it done, and returns the answer.
static json_t *measure(Bed *bed) {
  Error error;
  json_t *made = check(worker_make(&bed->request, bed->team, &error), &error);
  const json_t *model = json_object_get(made, "model");
  assert_int_equal(json_integer_value(json_object_get(model, "vocabulary")), VOCABULARY);
  Field root = field_root(made, "made");
  Feasibility feasibility;
  assert_true(feasibility_read(&root, &feasibility, &error));
  assert_int_equal(feasibility.facts.vocabulary, VOCABULARY);
  assert_true(feasibility.weights_held >= feasibility.facts.weights);
  json_decref(made);
  int events = open("/dev/null", O_WRONLY);
  json_t *reference = check(worker_reference(&bed->request, bed->team, events, &error), &error);
  take_expected(bed, reference);
  json_decref(reference);
  json_t *answer = check(worker_scenario(&bed->request, bed->team, events, &error), &error);
  close(events);
  return answer;
}

static void assert_sound(Dtype dtype, const char *attention) {
  Bed bed;
  Answer answer;
  Error error;
  bed_open(&bed, dtype, attention);
  json_t *result = measure(&bed);
  Scenario scenario = scenario_standard();
  scenario.batch_size = 2;
  scenario.sequence_length = PROMPT;
  scenario.num_tokens_to_generate = TOKENS;
  scenario.measurement_iterations = 3;
  bool read = answer_read(result, &scenario, 0, &answer, &error);
  if (!read) print_error("%s: %s\n", error.where, error.message);
  assert_true(read);
  assert_true(answer.valid);
  assert_true(answer.work.weights > 0 && answer.work.decode_bytes > 0);
  // a measured run allocates nothing from the heap
  assert_int_equal(json_integer_value(json_object_get(result, "allocations")), 0);
  const json_t *correctness = json_object_get(result, "correctness");
  double worst = json_number_value(json_object_get(correctness, "error"));
  print_message("# %s %s: error %g\n", attention, dtype_name(dtype), worst);
  assert_true(worst <= correctness_bound(dtype));
  answer_free(&answer);
  json_decref(result);
  bed_close(&bed);
}

static void every_dtype_and_attention_is_valid_and_allocates_nothing(void **state) {
  (void)state;
  static const Dtype dtypes[] = {DTYPE_F32, DTYPE_BF16, DTYPE_F16};
  for (size_t i = 0; i < COUNT_OF(dtypes); i++) {
    assert_sound(dtypes[i], "eager");
    assert_sound(dtypes[i], "sdpa");
  }
}

static void a_wrong_reference_makes_the_result_invalid(void **state) {
  (void)state;
  Bed bed;
  Error error;
  bed_open(&bed, DTYPE_F32, "eager");
  json_t *first = measure(&bed);
  json_decref(first);
  float spoiled = 1000;
  assert_int_equal(pwrite(REQUEST_REFERENCE, &spoiled, sizeof spoiled, 40), sizeof spoiled);
  int events = open("/dev/null", O_WRONLY);
  json_t *again = check(worker_scenario(&bed.request, bed.team, events, &error), &error);
  const json_t *correctness = json_object_get(again, "correctness");
  assert_string_equal(json_string_value(json_object_get(correctness, "verdict")), "invalid");
  json_decref(again);
  close(events);
  bed_close(&bed);
}

static void requests_read_back_as_they_were(void **state) {
  (void)state;
  Bed bed;
  Error error;
  WorkerRequest again;
  bed_open(&bed, DTYPE_BF16, "sdpa");
  bed.request.task = TASK_SCENARIO;
  bed.request.sdpa_backend = "math";
  bed.item.expected = bed.prompt;
  bed.item.expected_count = 3;
  json_t *written = request_json(&bed.request);
  assert_non_null(written);
  Field field = field_root(written, "request");
  assert_true(request_read(&field, bed.arena, &again, &error));
  json_t *rewritten = request_json(&again);
  assert_true(json_equal(written, rewritten));
  json_decref(written);
  json_decref(rewritten);
  bed_close(&bed);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_dtype_and_attention_is_valid_and_allocates_nothing),
      cmocka_unit_test(a_wrong_reference_makes_the_result_invalid),
      cmocka_unit_test(requests_read_back_as_they_were),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
