// SPDX-License-Identifier: Apache-2.0
// Every golden checkpoint against transformers: logits of the prompt, and 64 greedy tokens; then
// 16-bit storage against our own float32.
#include "../kernels/guarded.h"
#include "attention/attention.h"
#include "golden.h"

enum { THREADS = 2, BATCH = 3 };
static const double float32_bound = 1e-4;
static Team *team;
static char cache_folder[] = "/tmp/attometer-golden-XXXXXX"; // of tuned forms: empty at first

static void must(bool done, const Error *error) {
  if (!done) fail_msg("%s: %s", error->where, error->message);
}

static Model *open_model(const Golden *golden, Dtype dtype, Dtype rounding, CpuTier tier) {
  Error error;
  ModelOptions options = {.path = golden->path, .dtype = dtype, .rounding = rounding};
  Model *model = model_open(&options, team, tier, &error);
  must(model, &error);
  return model;
}

// Every implementation of this build, as `attention`.
#define FOR_EACH_ATTENTION(ATTENTION)                                                              \
  for (int attention_number = 0; attention_number < attention_count(); attention_number++)         \
    for (const Attention *ATTENTION = attention_at(attention_number);                              \
         ATTENTION && !ATTENTION->absent; ATTENTION = NULL)

typedef struct {
  const char *mode; // of compiling; NULL: none
  bool kernelize, dynamic;
} Form;

static bool tunes(Form form) {
  return form.mode && strncmp(form.mode, "max-autotune", strlen("max-autotune")) == 0;
}

static Generator *open_form(const Model *model, const Attention *attention, Dtype dtype,
                            const Golden *golden, CpuTier tier, Form form) {
  Error error;
  StepOptions compile = step_options(form.mode);
  compile.dynamic = form.dynamic;
  compile.cache_folder = tunes(form) ? cache_folder : NULL;
  GeneratorOptions options = {.attention = attention->name,
                              .sdpa_backend = attention->backend,
                              .cache_dtype = dtype,
                              .max_batch = BATCH,
                              .max_tokens = golden->prompt_length + golden->new_tokens,
                              .kernelize = form.kernelize,
                              .compile = form.mode ? &compile : NULL};
  Generator *generator = generator_open(model, team, tier, &options, &error);
  must(generator, &error);
  return generator;
}

static Generator *open_generator(const Model *model, const Attention *attention, Dtype dtype,
                                 const Golden *golden, CpuTier tier) {
  return open_form(model, attention, dtype, golden, tier, (Form){NULL, false, false});
}

// Poisoned floats.
static float *new_logits(const Golden *golden) {
  size_t bytes = (size_t)(golden->prompt_length * golden->vocabulary) * sizeof(float);
  return memset(malloc(bytes), GUARD_POISON | 0x7F, bytes);
}

static double error_against(const Golden *golden, const float *logits, const float *reference) {
  int64_t count = golden->prompt_length * golden->vocabulary;
  double *wide = malloc((size_t)count * sizeof *wide);
  for (int64_t i = 0; i < count; i++) wide[i] = (double)reference[i];
  double error = relative_error(count, logits, wide);
  free(wide);
  return error;
}

static void check_logits(Generator *generator, const Golden *golden, int64_t stepwise) {
  Error error;
  float *logits = new_logits(golden);
  int64_t length = golden->prompt_length;
  must(generation_logits(generator, golden->ids, length, length, stepwise, logits, &error), &error);
  double found = error_against(golden, logits, golden->logits);
  if (!(found <= float32_bound))
    fail_msg("%s, %lld one by one: relative error %g", golden->name, (long long)stepwise, found);
  free(logits);
}

static void check_greedy(Generator *generator, const Golden *golden) {
  Error error;
  int64_t length = golden->prompt_length, made = golden->new_tokens;
  int32_t *prompts = malloc((size_t)(BATCH * length) * sizeof *prompts);
  for (int64_t i = 0; i < BATCH; i++)
    memcpy(prompts + i * length, golden->ids, (size_t)length * sizeof *prompts);
  int32_t *ids = malloc((size_t)(BATCH * made) * sizeof *ids);
  int64_t counts[BATCH];
  for (int64_t batch = 1; batch <= BATCH; batch += BATCH - 1) {
    memset(ids, GUARD_POISON, (size_t)(BATCH * made) * sizeof *ids);
    GenerationRequest request = {.batch = batch,
                                 .prompt_length = length,
                                 .new_tokens = made,
                                 .prompts = prompts,
                                 .sampling = sampling_greedy()};
    GenerationResult result = {.ids = ids, .counts = counts};
    must(generation_run(generator, &request, &result, &error), &error);
    for (int64_t i = 0; i < batch; i++) {
      assert_int_equal(counts[i], made);
      for (int64_t step = 0; step < made; step++)
        if (ids[i * made + step] != golden->greedy[step])
          fail_msg("%s, sequence %lld: token %lld is %d, expected %d", golden->name, (long long)i,
                   (long long)step, ids[i * made + step], golden->greedy[step]);
    }
  }
  free(prompts);
  free(ids);
}

// With dynamic scaling keys keep the rotation of their own step: past the model's positions, steps
// and one prefill differ, in the reference as here.
static bool steps_equal_prefill(const Model *model, int64_t length) {
  const RopeConfig *rope = &model_config(model)->rope;
  return rope->kind != ROPE_DYNAMIC || length <= rope->original_positions;
}

static void check_golden(const char *name, CpuTier tier) {
  Golden golden = golden_read(name);
  Model *model = open_model(&golden, DTYPE_F32, DTYPE_F32, tier);
  assert_int_equal(model_warning_count(model), 0);
  FOR_EACH_ATTENTION(attention) {
    Generator *generator = open_generator(model, attention, DTYPE_F32, &golden, tier);
    check_logits(generator, &golden, 0);
    if (steps_equal_prefill(model, golden.prompt_length)) {
      check_logits(generator, &golden, 7);
      check_logits(generator, &golden, golden.prompt_length);
    }
    check_greedy(generator, &golden);
    generator_close(generator);
  }
  model_close(model);
  golden_free(&golden);
}

static void test_float32(void **state) {
  (void)state;
  for (int i = 0; i < golden_count; i++) {
    CpuTier middle = (CpuTier)(i % ((int)cpu_best_tier() + 1)); // every tier, not for every model
    check_golden(golden_names[i], cpu_best_tier());
    if (middle != cpu_best_tier()) check_golden(golden_names[i], middle);
  }
}

// A prefill, one for logits and one for choices of each batch, and the steps of each. Dynamic ones
// serve a shorter prefill too.
static void check_form_with(const Model *model, const Attention *attention, const Golden *golden,
                            Form form) {
  CpuTier tier = cpu_best_tier();
  Generator *generator = open_form(model, attention, DTYPE_F32, golden, tier, form);
  check_logits(generator, golden, 0);
  check_greedy(generator, golden);
  StepFacts facts = generator_step_facts(generator);
  assert_int_equal(facts.programs, form.mode ? 5 : 0);
  assert_true((facts.tuning.questions > 0) == tunes(form));
  assert_true(facts.tuning.cached <= facts.tuning.questions);
  bool steps = steps_equal_prefill(model, golden->prompt_length);
  if (steps && form.dynamic) {
    check_logits(generator, golden, 7);
    assert_int_equal(generator_step_facts(generator).programs, 6);
  }
  if (steps) check_logits(generator, golden, golden->prompt_length);
  generator_close(generator);
}

// With every implementation of this build; `only` ≥ 0: with that one, counted round.
static void check_form(const char *name, Form form, int only) {
  Golden golden = golden_read(name);
  Model *model = open_model(&golden, DTYPE_F32, DTYPE_F32, cpu_best_tier());
  int number = 0, present = 0;
  FOR_EACH_ATTENTION(attention) present++;
  FOR_EACH_ATTENTION(attention) {
    if (only < 0 || number == only % present) check_form_with(model, attention, &golden, form);
    number++;
  }
  model_close(model);
  golden_free(&golden);
}

static void test_compiled(void **state) {
  (void)state;
  for (int i = 0; i < golden_count; i++) {
    check_form(golden_names[i], (Form){"default", false, true}, -1);
    check_form(golden_names[i], (Form){"reduce-overhead", false, false}, -1);
  }
}

static void test_kernelized(void **state) {
  (void)state;
  for (int i = 0; i < golden_count; i++) {
    check_form(golden_names[i], (Form){NULL, true, false}, -1);
    check_form(golden_names[i], (Form){"reduce-overhead", true, i % 2}, -1);
  }
}

// Whatever a run's timings choose: timed anew, and found again.
static void test_tuned(void **state) {
  (void)state;
  for (int i = 0; i < golden_count; i++) {
    Form form = {i % 2 ? "max-autotune" : "max-autotune-no-cudagraphs", i % 3 == 0, i % 4 == 0};
    check_form(golden_names[i], form, i);
    if (i % 3 == 0) check_form(golden_names[i], form, i + 1);
  }
}

static float *run_logits(const Golden *golden, Dtype dtype, Dtype rounding,
                         const Attention *attention, CpuTier tier) {
  Error error;
  Model *model = open_model(golden, dtype, rounding, tier);
  Generator *generator = open_generator(model, attention, dtype, golden, tier);
  float *logits = new_logits(golden);
  int64_t length = golden->prompt_length;
  must(generation_logits(generator, golden->ids, length, length, 8, logits, &error), &error);
  generator_close(generator);
  model_close(model);
  return logits;
}

// 16-bit weights and cache against float32 with the same rounded weights.
static void check_narrow(const char *name, Dtype dtype, CpuTier tier, double bound) {
  Golden golden = golden_read(name);
  float *reference = run_logits(&golden, DTYPE_F32, dtype, attention_at(0), tier);
  FOR_EACH_ATTENTION(attention) {
    float *logits = run_logits(&golden, dtype, dtype, attention, tier);
    double found = error_against(&golden, logits, reference);
    if (!(found <= bound))
      fail_msg("%s %s %s %s: relative error %g, bound %g", name, cpu_tier_name(tier),
               attention->name, dtype_name(dtype), found, bound);
    free(logits);
  }
  free(reference);
  golden_free(&golden);
}

static void test_bfloat16(void **state) {
  (void)state;
  for (int i = 0; i < golden_count; i++) {
    CpuTier best = cpu_best_tier(), exact = best < CPU_TIER_AVX512_BF16 ? best : CPU_TIER_AVX512;
    check_narrow(golden_names[i], DTYPE_BF16, exact, 5e-2);
    // Activations are rounded too. With so few columns a sum averages little of it: the error
    // is 1.6 times the other's in the median of these models, 0.058 at most.
    if (best != exact) check_narrow(golden_names[i], DTYPE_BF16, best, 8e-2);
  }
}

static void test_float16(void **state) {
  (void)state;
  for (int i = 0; i < golden_count; i++)
    check_narrow(golden_names[i], DTYPE_F16, cpu_best_tier(), 1e-2);
}

int main(void) {
  Error error;
  if (!(team = team_open(THREADS, false, &error)) || !mkdtemp(cache_folder)) return 1;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_float32),    cmocka_unit_test(test_compiled),
      cmocka_unit_test(test_kernelized), cmocka_unit_test(test_tuned),
      cmocka_unit_test(test_bfloat16),   cmocka_unit_test(test_float16),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  char command[64];
  snprintf(command, sizeof command, "rm -rf %s", cache_folder);
  team_close(team);
  return system(command) ? 1 : failed;
}
