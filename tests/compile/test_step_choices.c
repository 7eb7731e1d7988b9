// SPDX-License-Identifier: Apache-2.0
// Every choice that a tuner may try computes what is computed without it: tiled attention of random
// passes, and a product behind it, stepped and replayed.
#include "../kernels/guarded.h"
#include "attention/attention.h"
#include "compile/executable.h"
#include "compile/step_choices.h"
#include "graph/trace.h"

enum { THREADS = 2, MOST_CANDIDATES = 64, OUT = 200 };

// A pass of attention and a product of what it gives.
typedef struct {
  AttentionSpec spec;
  AttentionInputs inputs;
  Matrix matrix;
  Guarded memory[4]; // queries, keys, values, weights
  int64_t past[2];
} Pass;

static Team *team;
static const Kernels *kernels;
static WeightCopies *copies;

static Guarded narrow(Dtype dtype, Guarded wide) {
  int64_t count = (int64_t)(wide.size / sizeof(float));
  Guarded made = guarded_make((size_t)count * (size_t)dtype_facts(dtype)->block_bytes);
  kernels->narrow(dtype, count, wide.data, made.data);
  guarded_free(wide);
  return made;
}

static Tensor tensor(Dtype dtype, int64_t heads, int64_t rows, const AttentionSpec *spec,
                     void *data) {
  int64_t shape[] = {spec->batch, heads, rows, spec->head_dim};
  return tensor_dense(dtype, 4, shape, data);
}

static Pass make_pass(Random *random, int64_t queries) {
  Pass pass = {.spec = {.batch = 1 + (int64_t)random_below(random, 2),
                        .kv_heads = 1 + (int64_t)random_below(random, 2),
                        .head_dim = 32,
                        .queries = queries,
                        .keys = queries + 1 + (int64_t)random_below(random, 600),
                        .scale = 0.2,
                        .dtype = (Dtype)random_below(random, 3)}};
  AttentionSpec *spec = &pass.spec;
  spec->heads = spec->kv_heads * (1 + (int64_t)random_below(random, 3));
  spec->window = random_below(random, 2) ? 0 : 40;
  for (int i = 0; i < 2; i++) pass.past[i] = spec->keys - queries;
  int64_t cached = spec->batch * spec->kv_heads * spec->keys * spec->head_dim;
  int64_t columns = spec->heads * spec->head_dim;
  pass.memory[0] = guarded_normal(random, spec->batch * queries * columns);
  for (int i = 1; i < 3; i++) pass.memory[i] = narrow(spec->dtype, guarded_normal(random, cached));
  pass.memory[3] = guarded_normal(random, matrix_panels(OUT) * MATRIX_PANEL * columns);
  pass.matrix = (Matrix){DTYPE_F32, OUT, columns, pass.memory[3].data, NULL};
  return pass;
}

// Where the pass does not move any more.
static void place_inputs(Pass *pass) {
  const AttentionSpec *spec = &pass->spec;
  pass->inputs.queries = tensor(DTYPE_F32, spec->heads, spec->queries, spec, pass->memory[0].data);
  pass->inputs.keys = tensor(spec->dtype, spec->kv_heads, spec->keys, spec, pass->memory[1].data);
  pass->inputs.values = tensor(spec->dtype, spec->kv_heads, spec->keys, spec, pass->memory[2].data);
  pass->inputs.past = tensor_dense(DTYPE_I64, 1, &spec->batch, pass->past);
}

static Executable *open_executable(const Attention *attention, const Pass *pass, bool replay) {
  Error error;
  ExecutableOptions options = {kernels, team, replay, NULL};
  Ops *ops = trace_open(&error);
  assert_non_null(ops);
  Tensor attended = attention->forward(ops, &pass->spec, &pass->inputs);
  Tensor made = ops_linear(ops, &attended, &pass->matrix);
  trace_output(ops, &attended);
  trace_output(ops, &made);
  Graph *graph = trace_take(ops, &error);
  if (!graph) fail_msg("%s: %s", error.where, error.message);
  trace_close(ops);
  Executable *executable = executable_open(graph, &options, &error);
  assert_non_null(executable);
  return executable;
}

// Both outputs, one behind the other.
static float *run(Executable *executable, int64_t *count) {
  executable_run(executable);
  float *left = NULL;
  *count = 0;
  for (int i = 0; i < executable_output_count(executable); i++) {
    const Tensor *output = executable_output(executable, i);
    int64_t each = output->shape[0] * output->shape[1];
    left = realloc(left, (size_t)(*count + each) * sizeof *left);
    memcpy(left + *count, output->data, (size_t)each * sizeof *left);
    *count += each;
  }
  return left;
}

static void check_choice(Executable *executable, const StepChoices *choices, const StepCase *at,
                         int step, const char *name, const float *expected) {
  Error error;
  int64_t count;
  const void *before = at->step->attributes;
  _Alignas(16) char attributes[512];
  assert_true(at->step->op->attributes_size <= sizeof attributes);
  memcpy(attributes, before, at->step->op->attributes_size);
  if (!choices->set(at, name, attributes)) {
    assert_string_equal(name, "OpenBLAS"); // which need not be installed
    return;
  }
  executable_set_attributes(executable, step, attributes);
  assert_true(executable_make_room(executable, &error));
  float *found = run(executable, &count);
  for (int64_t i = 0; i < count; i++)
    if (!(fabsf(found[i] - expected[i]) <= 1e-4f * (1 + fabsf(expected[i]))))
      fail_msg("%s, %s: element %lld is %g, expected %g", at->step->op->name, name, (long long)i,
               (double)found[i], (double)expected[i]);
  executable_set_attributes(executable, step, before);
  weight_copies_trim(copies);
  assert_int_equal(weight_copies_bytes(copies), 0);
  free(found);
}

// All candidates from the standard one on, and from one that wins now and then.
static int check_step(Executable *executable, int step, const float *expected, Random *random) {
  StepCase at = {&executable_steps(executable)->steps[step], kernels, THREADS, copies};
  const StepChoices *choices = step_choices_of(&at);
  char best[TUNING_NAME], name[TUNING_NAME];
  _Alignas(16) char wrong[512];
  int tried = 0;
  if (!choices) return 0;
  assert_false(choices->set(&at, "units 5000 keys 64 and more", wrong));
  assert_false(choices->set(&at, "", wrong));
  choices->standard(&at, best);
  check_choice(executable, choices, &at, step, best, expected);
  for (int i = 0; choices->candidate(&at, best, i, name); i++) {
    assert_in_range(i, 0, MOST_CANDIDATES);
    if (!name[0]) continue;
    check_choice(executable, choices, &at, step, name, expected);
    if (random_below(random, 3) == 0) memcpy(best, name, sizeof best);
    tried++;
  }
  return tried;
}

static int check_pass(const Attention *attention, Pass *pass, bool replay, Random *random) {
  Error error;
  int64_t count;
  AttentionLimits limits = {pass->spec.batch, pass->spec.keys, kernels->tier, NULL};
  assert_true(attention_open(attention, &limits, &pass->inputs.prepared, &error));
  Executable *executable = open_executable(attention, pass, replay);
  float *expected = run(executable, &count);
  for (int64_t i = 0; i < count; i++) assert_true(isfinite(expected[i]));
  int tried = 0;
  for (int i = 0; i < executable_steps(executable)->count; i++)
    tried += check_step(executable, i, expected, random);
  free(expected);
  executable_close(executable);
  attention_close(attention, pass->inputs.prepared);
  return tried;
}

static void every_choice_computes_the_same(void **state) {
  (void)state;
  static const char *const names[] = {"flash_attention_2", "flex_attention"};
  Random random = random_seeded(fresh_seed());
  Error error;
  kernels = kernels_for(cpu_best_tier());
  for (int i = 0; i < 24; i++) {
    const Attention *attention = attention_find(names[i % 2], NULL, &error);
    assert_non_null(attention);
    int64_t queries = i % 3 == 0 ? 1 : 2 + (int64_t)random_below(&random, 300);
    Pass pass = make_pass(&random, queries);
    place_inputs(&pass);
    int tried = check_pass(attention, &pass, i % 4 < 2, &random);
    if (tried < 2) fail_msg("%lld queries: %d candidates", (long long)queries, tried);
    for (int j = 0; j < 4; j++) guarded_free(pass.memory[j]);
  }
}

int main(void) {
  Error error;
  if (!(team = team_open(THREADS, false, &error))) return 1;
  copies = weight_copies_open(OPENBLAS_FILE);
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_choice_computes_the_same)};
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  weight_copies_close(copies);
  team_close(team);
  return failed;
}
