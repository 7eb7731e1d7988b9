// SPDX-License-Identifier: Apache-2.0
// The engine's flags: read into values, and in step with the rooms that know what there is.
#include "attention/attention.h"
#include "bench/generation/backend_name.h"
#include "cli/engine_options.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const Command single = {.name = "single", .tables = {&model_options, &engine_options}};
static const Command lists = {.name = "lists", .tables = {&model_options, &engine_options_lists}};

static EngineOptions parse(const Command *command, int count, char **words) {
  Error error;
  EngineOptions options;
  Arguments *arguments = arguments_parse(NULL, command, count, words, &error);
  if (!arguments) fail_msg("%s: %s", error.where, error.message);
  bool done = engine_options_parse(arguments, &options, &error);
  if (!done) fail_msg("%s: %s", error.where, error.message);
  arguments_free(arguments);
  return options;
}

static void test_defaults(void **state) {
  (void)state;
  const Command *const commands[] = {&single, &lists};
  for (size_t i = 0; i < COUNT_OF(commands); i++) {
    char *words[] = {"-m", "x"};
    EngineOptions options = parse(commands[i], COUNT_OF(words), words);
    assert_int_equal(options.dtype, DTYPE_BF16);
    assert_int_equal(options.threads, 0);
    assert_false(options.pin);
    assert_null(options.sdpa_backend);
    assert_null(options.cpu_mask);
    assert_int_equal(options.tier, cpu_chosen_tier(NULL));
  }
}

static void test_given(void **state) {
  (void)state;
  char *words[] = {"-m",          "x",     "--dtype",    "float16",
                   "--threads=3", "--pin", "--cpu-mask", "reference"};
  EngineOptions options = parse(&single, COUNT_OF(words), words);
  assert_int_equal(options.dtype, DTYPE_F16);
  assert_int_equal(options.threads, 3);
  assert_true(options.pin);
  assert_int_equal(options.tier, CPU_TIER_REFERENCE);
}

// A mask above what the machine has caps nothing and asks for nothing it cannot run.
static void test_mask_caps(void **state) {
  (void)state;
  for (int tier = 0; tier < CPU_TIER_COUNT; tier++) {
    char name[32];
    snprintf(name, sizeof name, "%s", cpu_tier_name((CpuTier)tier));
    char *words[] = {"-m", "x", "--cpu-mask", name};
    CpuTier found = parse(&single, COUNT_OF(words), words).tier, best = cpu_best_tier();
    assert_int_equal(found, (CpuTier)tier < best ? (CpuTier)tier : best);
  }
}

static void test_threads_refused(void **state) {
  (void)state;
  Error error = {0};
  int64_t cores = engine_options_cores(), most = ENGINE_THREADS_PER_CORE * cores;
  assert_true(cores >= 1);
  assert_true(engine_options_check_threads(0, "--threads", false, &error));
  assert_true(engine_options_check_threads(cores, "--threads", false, &error));
  assert_true(engine_options_check_threads(most, "--threads", false, &error));
  assert_false(engine_options_check_threads(most + 1, "--threads", false, &error));
  assert_int_equal(error.code, ERROR_ARGUMENT);
  assert_string_equal(error.where, "--threads");
  assert_non_null(strstr(error.message, "at most 32 for each"));
}

static const Option *row(const OptionTable *table, const char *flag) {
  for (size_t i = 0; i < table->count; i++) {
    if (strcmp(table->options[i].flag, flag) == 0) return &table->options[i];
  }
  fail_msg("no row %s", flag);
  return NULL;
}

static bool has(const char *choices, const char *name) {
  return option_has_choice(choices, name, strlen(name));
}

typedef struct {
  const char *attention; // NULL: the name is one
  ErrorCode expected;
} Expectation;

static void expect_found(Span name, void *context) {
  const Expectation *expectation = context;
  char text[64];
  Error error = {0};
  snprintf(text, sizeof text, "%.*s", (int)name.size, name.data);
  const Attention *found = expectation->attention
                               ? attention_find(expectation->attention, backend_name(text), &error)
                               : attention_find(text, NULL, &error);
  assert_int_equal(found != NULL, error.code == ERROR_NONE);
  if (error.code != expectation->expected) fail_msg("%s: %s", text, error_code_text(error.code));
}

// What can be chosen is in this build, what comes later is known and is not.
static void test_attention_in_step(void **state) {
  (void)state;
  Expectation here = {NULL, ERROR_NONE}, later = {NULL, ERROR_UNSUPPORTED};
  const Option *one = row(&engine_options, "--attn-implementation");
  option_each_choice(one->choices, expect_found, &here);
  option_each_choice(one->later_choices, expect_found, &later);
  here.attention = later.attention = "sdpa";
  const Option *backend = row(&engine_options, "--sdpa-backend");
  option_each_choice(backend->choices, expect_found, &here);
  option_each_choice(backend->later_choices, expect_found, &later);
}

static void test_all_attention_offered(void **state) {
  (void)state;
  const Option *one = row(&engine_options, "--attn-implementation");
  const Option *many = row(&engine_options_lists, "--attn-implementation");
  for (int i = 0; i < attention_count(); i++) {
    const Attention *attention = attention_at(i);
    if (attention->absent) continue;
    assert_true(has(one->choices, attention->name));
    assert_true(has(many->choices, attention->name));
  }
}

static void test_others_in_step(void **state) {
  (void)state;
  for (int dtype = 0; dtype < DTYPE_COUNT; dtype++) {
    assert_int_equal(has(row(&engine_options, "--dtype")->choices, dtype_name((Dtype)dtype)),
                     dtype_is_compute((Dtype)dtype));
  }
  for (int tier = 0; tier < CPU_TIER_COUNT; tier++) {
    assert_true(has(row(&engine_options, "--cpu-mask")->choices, cpu_tier_name((CpuTier)tier)));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_defaults),          cmocka_unit_test(test_given),
      cmocka_unit_test(test_mask_caps),         cmocka_unit_test(test_threads_refused),
      cmocka_unit_test(test_attention_in_step), cmocka_unit_test(test_all_attention_offered),
      cmocka_unit_test(test_others_in_step),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
