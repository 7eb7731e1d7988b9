// SPDX-License-Identifier: Apache-2.0
// What generation.h promises beside right tokens: batches, chunks, stops, times, errors, no
// allocation.
#include "../kernels/guarded.h"
#include "generate/growing_cache.h"
#include "golden.h"
#include "kernels/eager.h"
#include "model/decoder.h"

enum { NEW = 24, BATCH = 4, PROMPT = 19, TOKENS = PROMPT + NEW };

static Team *team;
static Model *model;
static CpuTier tier;

static void must(bool done, const Error *error) {
  if (!done) fail_msg("%s: %s", error->where, error->message);
}

static Generator *open_generator_of(const Attention *attention) {
  Error error;
  GeneratorOptions options = {.attention = attention->name,
                              .sdpa_backend = attention->backend,
                              .cache_dtype = DTYPE_F32,
                              .max_batch = BATCH,
                              .max_tokens = TOKENS};
  Generator *generator = generator_open(model, team, tier, &options, &error);
  must(generator, &error);
  return generator;
}

static Generator *open_generator(const char *attention) {
  Error error;
  const Attention *found = attention_find(attention, NULL, &error);
  must(found, &error);
  return open_generator_of(found);
}

typedef struct {
  int32_t prompts[BATCH * PROMPT], ids[BATCH * NEW];
  int64_t times[BATCH * NEW], counts[BATCH];
} Run;

static void draw_prompts(Run *run, uint64_t seed) {
  uint64_t vocabulary = (uint64_t)model_config(model)->vocabulary;
  memset(run, GUARD_POISON, sizeof *run);
  for (int i = 0; i < BATCH * PROMPT; i++)
    run->prompts[i] = (int32_t)(random_at(seed, (uint64_t)i) % vocabulary);
}

static GenerationRequest request_of(const Run *run, int64_t batch) {
  return (GenerationRequest){.batch = batch,
                             .prompt_length = PROMPT,
                             .new_tokens = NEW,
                             .prompts = run->prompts,
                             .sampling = sampling_greedy()};
}

static GenerationResult result_of(Run *run) {
  return (GenerationResult){.ids = run->ids, .times = run->times, .counts = run->counts};
}

static void generate(Generator *generator, Run *run, GenerationRequest request) {
  Error error;
  GenerationResult result = result_of(run);
  must(generation_run(generator, &request, &result, &error), &error);
  for (int64_t i = 0; i < request.batch; i++) {
    int64_t last = 0;
    for (int64_t step = 0; step < run->counts[i]; step++) {
      assert_true(run->times[i * NEW + step] > last);
      last = run->times[i * NEW + step];
    }
    assert_true(result.end >= last);
  }
}

// Different prompts in a batch give what each gives alone.
static void test_batch_equals_alone(void **state) {
  (void)state;
  Generator *generator = open_generator("sdpa");
  Run together, alone;
  draw_prompts(&together, fresh_seed());
  alone = together;
  generate(generator, &together, request_of(&together, BATCH));
  for (int64_t i = 0; i < BATCH; i++) {
    GenerationRequest request = request_of(&together, 1);
    request.prompts += i * PROMPT;
    generate(generator, &alone, request);
    assert_memory_equal(alone.ids, together.ids + i * NEW, NEW * sizeof(int32_t));
  }
  generator_close(generator);
}

// Greedy choices, which make no logits, are the best of the logits that sampling makes: for batches
// whose weights are streamed and for those that are tiled.
static void test_greedy_equals_best_logit(void **state) {
  (void)state;
  Generator *generator = open_generator("sdpa");
  Run greedy, best;
  draw_prompts(&greedy, fresh_seed());
  best = greedy;
  for (int64_t batch = 1; batch <= BATCH; batch++) {
    GenerationRequest request = request_of(&greedy, batch);
    generate(generator, &greedy, request);
    request.sampling = (Sampling){.sample = true, .temperature = 1.0, .top_k = 1, .top_p = 1.0};
    generate(generator, &best, request);
    assert_memory_equal(greedy.ids, best.ids, (size_t)(batch * NEW) * sizeof(int32_t));
  }
  generator_close(generator);
}

static void test_sampling_repeats(void **state) {
  (void)state;
  Generator *generator = open_generator("eager");
  Run first, again;
  draw_prompts(&first, fresh_seed());
  again = first;
  GenerationRequest request = request_of(&first, BATCH);
  request.sampling =
      (Sampling){.sample = true, .temperature = 3.0, .top_k = 40, .top_p = 0.99, .seed = 11};
  generate(generator, &first, request);
  generate(generator, &again, request);
  assert_memory_equal(first.ids, again.ids, sizeof first.ids);
  request.sampling.seed = 12;
  generate(generator, &again, request);
  assert_memory_not_equal(first.ids, again.ids, sizeof first.ids);
  generator_close(generator);
}

static void test_no_allocation(void **state) {
  (void)state;
  for (int i = 0; i < attention_count(); i++) {
    if (attention_at(i)->absent) continue;
    Generator *generator = open_generator_of(attention_at(i));
    Run run;
    draw_prompts(&run, 1);
    generate(generator, &run, request_of(&run, BATCH));
    uint64_t before = memory_allocation_count();
    for (int round = 0; round < 3; round++) generate(generator, &run, request_of(&run, BATCH));
    assert_int_equal(memory_allocation_count(), before);
    assert_true(generator_scratch_bytes(generator) > 0);
    // The last token is never fed.
    const ModelConfig *config = model_config(model);
    assert_int_equal(generator_cache_bytes(generator),
                     2 * config->layers * BATCH * config->kv_heads * (TOKENS - 1) *
                         config->head_dim * (int64_t)sizeof(float));
    generator_close(generator);
  }
}

static void test_stop_ids(void **state) {
  (void)state;
  Generator *generator = open_generator("sdpa");
  Run whole, stopped;
  draw_prompts(&whole, fresh_seed());
  stopped = whole;
  generate(generator, &whole, request_of(&whole, BATCH));
  GenerationRequest request = request_of(&whole, BATCH);
  int32_t stop = whole.ids[5];
  request.stop_ids = &stop;
  request.stop_count = 1;
  generate(generator, &stopped, request);
  for (int64_t i = 0; i < BATCH; i++) {
    int64_t expected = 0;
    while (expected < NEW && whole.ids[i * NEW + expected] != stop) expected++;
    if (expected < NEW) expected++; // the stop itself is given
    assert_int_equal(stopped.counts[i], expected);
    assert_memory_equal(stopped.ids + i * NEW, whole.ids + i * NEW,
                        (size_t)expected * sizeof(int32_t));
  }
  generator_close(generator);
}

typedef struct {
  int64_t heard[BATCH], limit;
  int32_t last[BATCH];
} Listening;

static bool listen(void *context, int64_t sequence, int32_t id) {
  Listening *listening = context;
  listening->last[sequence] = id;
  return ++listening->heard[sequence] < listening->limit + sequence;
}

static void test_listener(void **state) {
  (void)state;
  Generator *generator = open_generator("sdpa");
  Run run;
  draw_prompts(&run, fresh_seed());
  Listening listening = {.limit = 3};
  GenerationRequest request = request_of(&run, BATCH);
  request.listener = listen;
  request.listener_context = &listening;
  generate(generator, &run, request);
  for (int64_t i = 0; i < BATCH; i++) {
    assert_int_equal(run.counts[i], 3 + i);
    assert_int_equal(listening.heard[i], 3 + i);
    assert_int_equal(listening.last[i], run.ids[i * NEW + 2 + i]);
  }
  generator_close(generator);
}

static void expect_refusal(Generator *generator, GenerationRequest request, const char *words) {
  Error error = {0};
  Run run;
  GenerationResult result = result_of(&run);
  assert_false(generation_run(generator, &request, &result, &error));
  assert_int_equal(error.code, ERROR_ARGUMENT);
  if (!strstr(error.message, words)) fail_msg("\"%s\" lacks \"%s\"", error.message, words);
}

static void test_refusals(void **state) {
  (void)state;
  Generator *generator = open_generator("sdpa");
  Run run;
  draw_prompts(&run, 1);
  GenerationRequest request = request_of(&run, BATCH + 1);
  expect_refusal(generator, request, "expected 1 to 4");
  request = request_of(&run, 1);
  request.new_tokens = NEW + 1;
  expect_refusal(generator, request, "expected 1 to 43");
  request.new_tokens = INT64_MAX;
  expect_refusal(generator, request, "expected 1 to 43");
  request.new_tokens = 0;
  expect_refusal(generator, request, "at least 1");
  request = request_of(&run, 1);
  run.prompts[3] = (int32_t)model_config(model)->vocabulary;
  expect_refusal(generator, request, "at place 3");
  run.prompts[3] = -1;
  expect_refusal(generator, request, "id -1");
  request.sampling = (Sampling){.sample = true, .temperature = 0.0, .top_p = 1.0};
  expect_refusal(generator, request, "more than 0");
  request.sampling = (Sampling){.sample = true, .temperature = 1.0, .top_p = 1.5};
  expect_refusal(generator, request, "0 to 1");
  request.sampling = (Sampling){.sample = true, .temperature = 1.0, .top_k = -1, .top_p = 1.0};
  expect_refusal(generator, request, "0 (off)");
  Error error = {0};
  float logits[1];
  assert_false(generation_logits(generator, run.prompts, 3, 4, 0, logits, &error));
  assert_false(generation_logits(generator, run.prompts, 3, 1, 4, logits, &error));
  GeneratorOptions options = {
      .attention = "flash_attention_3", .cache_dtype = DTYPE_F32, .max_batch = 1, .max_tokens = 8};
  assert_null(generator_open(model, team, tier, &options, &error));
  assert_int_equal(error.code, ERROR_UNSUPPORTED);
  options.attention = "sdpa";
  options.max_tokens = INT64_MAX;
  assert_null(generator_open(model, team, tier, &options, &error));
  generator_close(generator);
}

// The decoder alone, fed in random pieces over a batch, against generation_logits at once.
typedef struct {
  Ops *ops;
  Rope *rope;
  Cache *cache;
  KeyValues layers[64];
} Parts;

static Parts open_parts(void) {
  Error error;
  const ModelConfig *config = model_config(model);
  CacheShape shape = {config->layers, BATCH, config->kv_heads, config->head_dim, TOKENS, DTYPE_F32};
  Parts parts = {.ops = eager_open(kernels_for(tier), team),
                 .rope = rope_open(&config->rope, TOKENS),
                 .cache = growing_cache_open(&shape, &error)};
  must(parts.cache, &error);
  for (int64_t i = 0; i < config->layers; i++)
    parts.layers[i] = parts.cache->form->layer(parts.cache, i, BATCH);
  return parts;
}

// Writes the logits of the last of `length` tokens of each sequence.
static void feed(Parts *parts, const char *attention, const int32_t *ids, int64_t length,
                 int64_t used, float *logits) {
  Error error;
  int64_t past[BATCH] = {used, used, used, used}, batch = BATCH, tokens = BATCH * length;
  const ModelConfig *config = model_config(model);
  Decoder decoder = {.config = config,
                     .weights = model_weights(model),
                     .attention = attention_find(attention, NULL, &error),
                     .layers = &layers_plain};
  AttentionLimits limits = {.batch = BATCH, .keys = TOKENS, .tier = tier};
  must(attention_open(decoder.attention, &limits, &decoder.prepared, &error), &error);
  rope_prepare(parts->rope, used, used + length);
  DecoderPass pass = {.batch = BATCH,
                      .length = length,
                      .ids = tensor_dense(DTYPE_I32, 1, &tokens, (void *)ids),
                      .positions = {rope_cosine(parts->rope), rope_sine(parts->rope),
                                    tensor_dense(DTYPE_I64, 1, &batch, past),
                                    tensor_dense(DTYPE_I64, 1, &batch, past)},
                      .cache = parts->layers,
                      .visible = parts->cache->form->visible(parts->cache, used + length),
                      .wanted = 1};
  ops_scope_begin(parts->ops);
  Tensor out = decoder_forward(&decoder, parts->ops, &pass);
  must(ops_finish(parts->ops, &error), &error);
  assert_int_equal(out.shape[0], BATCH);
  memcpy(logits, out.data, (size_t)(BATCH * config->vocabulary) * sizeof(float));
  ops_scope_end(parts->ops);
  attention_close(decoder.attention, decoder.prepared);
}

static void test_chunks(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  int64_t vocabulary = model_config(model)->vocabulary;
  float *expected = malloc((size_t)vocabulary * sizeof(float));
  float *logits = malloc((size_t)(BATCH * vocabulary) * sizeof(float));
  double *wide = malloc((size_t)vocabulary * sizeof(double));
  Generator *generator = open_generator("eager");
  for (int round = 0; round < 10; round++) {
    Parts parts = open_parts();
    Run run;
    int32_t chunk[BATCH * PROMPT];
    draw_prompts(&run, random_next(&random));
    for (int64_t used = 0; used < PROMPT;) {
      int64_t length = 1 + (int64_t)random_below(&random, (uint64_t)(PROMPT - used));
      for (int64_t i = 0; i < BATCH; i++)
        memcpy(chunk + i * length, run.prompts + i * PROMPT + used, (size_t)length * sizeof *chunk);
      feed(&parts, round % 2 ? "eager" : "sdpa", chunk, length, used, logits);
      used += length;
    }
    for (int64_t i = 0; i < BATCH; i++) {
      Error error;
      must(generation_logits(generator, run.prompts + i * PROMPT, PROMPT, 1, 0, expected, &error),
           &error);
      for (int64_t j = 0; j < vocabulary; j++) wide[j] = (double)expected[j];
      assert_close(vocabulary, logits + i * vocabulary, wide, 1e-5, "chunks");
    }
    eager_close(parts.ops);
    rope_close(parts.rope);
    cache_close(parts.cache);
  }
  generator_close(generator);
  free(expected);
  free(logits);
  free(wide);
}

int main(void) {
  Error error;
  tier = cpu_best_tier();
  char *path = path_join(GOLDEN_MODELS, "mistral-window");
  ModelOptions options = {.path = path, .dtype = DTYPE_F32, .rounding = DTYPE_F32};
  if (!(team = team_open(2, false, &error))) return 1;
  if (!(model = model_open(&options, team, tier, &error))) return 1;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_batch_equals_alone), cmocka_unit_test(test_greedy_equals_best_logit),
      cmocka_unit_test(test_sampling_repeats),   cmocka_unit_test(test_no_allocation),
      cmocka_unit_test(test_stop_ids),           cmocka_unit_test(test_listener),
      cmocka_unit_test(test_refusals),           cmocka_unit_test(test_chunks),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  model_close(model);
  team_close(team);
  memory_free(path);
  return failed;
}
