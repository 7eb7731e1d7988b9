// SPDX-License-Identifier: Apache-2.0
// generation_set_context: a prompt behind a context gives what both together give as one prompt,
// again and again, in every form of the cache, with programs and without.
#include "../kernels/guarded.h"
#include "golden.h"
#include <cmocka.h>

enum { BATCH = 3, PROMPT = 7, NEW = 9, MOST = GENERATION_CONTEXT_STEP + 40 };

static Team *team;
static Model *model;

static void must(bool done, const Error *error) {
  if (!done) fail_msg("%s: %s", error->where, error->message);
}

static Generator *open_generator(const char *attention, const char *mode, int64_t depth) {
  Error error;
  StepOptions compile = step_options(mode);
  GeneratorOptions options = {.attention = attention,
                              .cache_dtype = DTYPE_F32,
                              .max_batch = BATCH,
                              .max_tokens = depth + PROMPT + NEW,
                              .compile = mode ? &compile : NULL};
  Generator *generator = generator_open(model, team, cpu_best_tier(), &options, &error);
  must(generator, &error);
  return generator;
}

// Rows of [context, prompt], each sequence its own.
typedef struct {
  int64_t depth;
  int32_t *whole;             // [BATCH, depth + PROMPT]
  int32_t *context, *prompts; // [BATCH, depth], [BATCH, PROMPT]
} Case;

static Case draw_case(int64_t depth) {
  uint64_t vocabulary = (uint64_t)model_config(model)->vocabulary;
  Random random = random_seeded(fresh_seed());
  int64_t row = depth + PROMPT;
  Case item = {depth, malloc((size_t)(BATCH * row) * sizeof(int32_t)),
               malloc((size_t)(BATCH * depth) * sizeof(int32_t)),
               malloc((size_t)(BATCH * PROMPT) * sizeof(int32_t))};
  for (int64_t i = 0; i < BATCH * row; i++) {
    int64_t sequence = i / row, at = i % row;
    int32_t id = (int32_t)random_below(&random, vocabulary);
    item.whole[i] = id;
    if (at < depth)
      item.context[sequence * depth + at] = id;
    else
      item.prompts[sequence * PROMPT + at - depth] = id;
  }
  return item;
}

static void free_case(Case *item) {
  free(item->whole);
  free(item->context);
  free(item->prompts);
}

// Logits of sequence 0's prompt, its last ids one by one.
static void logits_of(Generator *generator, const int32_t *ids, int64_t length, float *logits) {
  Error error;
  must(generation_logits(generator, ids, length, PROMPT, 3, logits, &error), &error);
}

static void check_depth(const char *attention, const char *mode, int64_t depth) {
  Error error;
  Case item = draw_case(depth);
  int64_t vocabulary = model_config(model)->vocabulary, count = PROMPT * vocabulary;
  float *expected = malloc((size_t)count * sizeof(float)),
        *logits = malloc((size_t)count * sizeof(float));
  double *wide = malloc((size_t)count * sizeof(double));
  Generator *whole = open_generator("eager", NULL, depth);
  logits_of(whole, item.whole, depth + PROMPT, expected);
  for (int64_t i = 0; i < count; i++) wide[i] = (double)expected[i];
  Generator *generator = open_generator(attention, mode, depth);
  must(generation_set_context(generator, item.context, BATCH, depth, &error), &error);
  int32_t first[BATCH * NEW] = {0}, ids[BATCH * NEW];
  int64_t counts[BATCH];
  for (int round = 0; round < 3; round++) {
    GenerationRequest request = {.batch = BATCH,
                                 .prompt_length = PROMPT,
                                 .new_tokens = NEW,
                                 .prompts = item.prompts,
                                 .sampling = sampling_greedy()};
    GenerationResult result = {.ids = ids, .counts = counts};
    must(generation_run(generator, &request, &result, &error), &error);
    if (round == 0) memcpy(first, ids, sizeof ids);
    assert_memory_equal(ids, first, sizeof ids);
    logits_of(generator, item.prompts, PROMPT, logits);
    assert_close(count, logits, wide, 1e-4, attention);
  }
  assert_true(generator_cache_bytes(generator) > 0);
  generator_close(generator);
  generator_close(whole);
  free(expected);
  free(logits);
  free(wide);
  free_case(&item);
}

static void test_eager(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  static const char *const attentions[] = {"eager", "sdpa", "flash_attention_2", "flex_attention"};
  for (size_t i = 0; i < COUNT_OF(attentions); i++) {
    check_depth(attentions[i], NULL, 1);
    check_depth(attentions[i], NULL, 2 + (int64_t)random_below(&random, 60));
  }
}

// Longer than one step of the filling.
static void test_steps(void **state) {
  (void)state;
  check_depth("sdpa", NULL, GENERATION_CONTEXT_STEP);
  check_depth("sdpa", NULL, MOST);
}

static void test_compiled(void **state) {
  (void)state;
  check_depth("eager", "default", 33);
  check_depth("sdpa", "reduce-overhead", 21);
}

static void test_refusals(void **state) {
  (void)state;
  Error error;
  enum { DEPTH = 20 };
  Case item = draw_case(DEPTH);
  int32_t ids[BATCH * NEW];
  int64_t counts[BATCH];
  Generator *generator = open_generator("sdpa", NULL, DEPTH);
  GenerationResult result = {.ids = ids, .counts = counts};
  GenerationRequest request = {.batch = 2,
                               .prompt_length = PROMPT,
                               .new_tokens = NEW,
                               .prompts = item.prompts,
                               .sampling = sampling_greedy()};
  assert_false(generation_set_context(generator, item.context, BATCH + 1, DEPTH, &error));
  assert_false(generation_set_context(generator, item.context, 1, 1000, &error));
  item.context[4] = (int32_t)model_config(model)->vocabulary;
  assert_false(generation_set_context(generator, item.context, 1, DEPTH, &error));
  assert_int_equal(error.code, ERROR_ARGUMENT);
  item.context[4] = 0;
  must(generation_set_context(generator, item.context, 1, DEPTH, &error), &error);
  assert_false(generation_run(generator, &request, &result, &error));
  assert_string_equal(error.message, "is 2, but the context is of 1 sequences");
  request.batch = 1;
  must(generation_run(generator, &request, &result, &error), &error);
  request.new_tokens = NEW + 1;
  assert_false(generation_run(generator, &request, &result, &error));
  must(generation_set_context(generator, NULL, 0, 0, &error), &error);
  request.batch = 2;
  must(generation_run(generator, &request, &result, &error), &error);
  generator_close(generator);
  free_case(&item);
}

int main(void) {
  Error error;
  char *path = path_join(GOLDEN_MODELS, "mistral-window");
  ModelOptions options = {.path = path, .dtype = DTYPE_F32, .rounding = DTYPE_F32};
  if (!(team = team_open(2, false, &error))) return 1;
  if (!(model = model_open(&options, team, cpu_best_tier(), &error))) return 1;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_eager),
      cmocka_unit_test(test_steps),
      cmocka_unit_test(test_compiled),
      cmocka_unit_test(test_refusals),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  model_close(model);
  team_close(team);
  memory_free(path);
  return failed;
}
