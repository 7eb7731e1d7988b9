// SPDX-License-Identifier: Apache-2.0
// flex with machine code: the nine patterns and other expressions, dtypes, groups of heads, odd
// shapes, decoding, tiers and threads, against attention in double precision; infinities against
// the interpreter; code that comes late, code that fails.
#include "attention/backend.h"
#include "base/memory.h"
#include "case.h"
#include "compile/score_compiler.h"
#include "mod_case.h"
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_THREADS = 3, ROUNDS = 6, SECOND = 1000 * 1000 * 1000 };

typedef struct {
  char folder[64], script[96];
  Team *teams[MOST_THREADS + 1];
  Random random;
  Compiler *compiler;
  ScoreCompiler *maker;
} Bench;

static int64_t between(Bench *bench, int64_t least, int64_t most) {
  return least + (int64_t)random_below(&bench->random, (uint64_t)(most - least + 1));
}

// false: there is no C compiler here.
static bool open_maker(Bench *bench, CpuTier tier) {
  Error error;
  CompilerOptions options = {.tier = tier, .cache_folder = bench->folder, .interrupt = -1};
  bench->compiler = compiler_open(&options, &error);
  if (!bench->compiler) {
    print_message("# %s\n", error.message);
    return false;
  }
  bench->maker = score_compiler_open(bench->compiler);
  return true;
}

static void close_maker(Bench *bench) {
  score_compiler_close(bench->maker);
  compiler_close(bench->compiler);
}

static int set_up(void **state) {
  Error error;
  Bench *bench = memory_allocate(sizeof *bench);
  snprintf(bench->folder, sizeof bench->folder, "/tmp/attometer-flex-XXXXXX");
  assert_non_null(mkdtemp(bench->folder));
  snprintf(bench->script, sizeof bench->script, "%s/cc.sh", bench->folder);
  for (int i = 1; i <= MOST_THREADS; i++)
    if (!(bench->teams[i] = team_open(i, false, &error))) return -1;
  bench->random = random_seeded(fresh_seed());
  *state = bench;
  return 0;
}

static int tear_down(void **state) {
  Bench *bench = *state;
  char command[128];
  unsetenv("CC");
  for (int i = 1; i <= MOST_THREADS; i++) team_close(bench->teams[i]);
  snprintf(command, sizeof command, "rm -rf %s", bench->folder);
  memory_free(bench);
  return system(command);
}

static AttentionProblem random_problem(Bench *bench, int number) {
  static const Dtype dtypes[] = {DTYPE_F32, DTYPE_BF16, DTYPE_F16};
  AttentionProblem problem = {.batch = between(bench, 1, 2),
                              .kv_heads = between(bench, 1, 2),
                              .queries = between(bench, 1, number % 3 ? 60 : 270),
                              .keys = between(bench, 1, number % 4 ? 90 : 330),
                              .head_dim = between(bench, 1, number % 5 ? 72 : 256),
                              .scale = 0.2,
                              .dtype = dtypes[number % 3]};
  if (number % 5 == 4) problem.queries = 1;
  problem.heads = problem.kv_heads * between(bench, 1, 4);
  return problem;
}

static AttentionPlan *prepare(Bench *bench, const AttentionProblem *problem, const BoundMod *open,
                              CpuTier tier, ScoreCompiler *maker) {
  Error error = {0};
  AttentionSetup setup = {.kernels = kernels_for(tier),
                          .team = bench->teams[between(bench, 1, MOST_THREADS)],
                          .compiler = maker,
                          .compiler_needed = true,
                          .open = open};
  AttentionPlan *plan = backend_flex.prepare(problem, true, &setup, &error);
  if (!plan) fail_msg("%s: %s", error.where, error.message);
  return plan;
}

static void run(AttentionPlan *plan, Case *c) {
  uint64_t allocations = memory_allocation_count();
  backend_flex.forward(plan, &c->operands, &c->result);
  backend_flex.backward(plan, &c->operands, &c->result, &c->dout, &c->gradients);
  assert_int_equal(memory_allocation_count(), allocations);
}

// With code for any lengths where `open`. Returns whether the code was in the cache.
static bool check_mod(Bench *bench, int number, AttentionProblem problem, CpuTier tier,
                      bool open_lengths) {
  char what[256], shape[128];
  Error error;
  BoundMod *open = NULL;
  ModCase mod = mod_case_make(number % mod_case_count(), &problem, &bench->random);
  problem.mod = mod.bound;
  if (open_lengths && !mod_bind_open(mod.mod, mod.bound, &open, &error))
    fail_msg("%s", error.message);
  Case c = case_make(&problem, number % 2, &bench->random);
  Reference expected = reference_attention(&problem, &c.operands, &c.dout, &mod.reference);
  AttentionPlan *plan = prepare(bench, &problem, open, tier, bench->maker);
  AttentionCodeFacts code = attention_plan_code(plan);
  bool nothing = !mod.bound->score.count && !mod.bound->mask.count;
  assert_int_equal(code.state, nothing ? ATTENTION_CODE_NONE : ATTENTION_CODE_COMPILED);
  snprintf(what, sizeof what, "%s %s, %s", mod.name, cpu_tier_name(tier),
           case_text(&problem, shape, sizeof shape));
  case_poison(&c);
  run(plan, &c);
  reference_check_result(&c.result, &expected, what);
  reference_check_gradients(&c.gradients, &expected, what);
  assert_int_equal(attention_plan_code(plan).interpreted_calls, 0);
  backend_flex.release(plan);
  reference_free(&expected);
  case_free(&c);
  bound_mod_close(open);
  mod_case_free(&mod);
  return code.code.cached || nothing;
}

static void test_against_double(void **state) {
  Bench *bench = *state;
  for (int tier = 0; tier <= (int)cpu_best_tier(); tier++) {
    if (!open_maker(bench, (CpuTier)tier)) skip();
    for (int i = 0; i < ROUNDS / (tier ? 1 : 2) * mod_case_count(); i++)
      check_mod(bench, i, random_problem(bench, i), (CpuTier)tier, false);
    close_maker(bench);
  }
}

// One code serves all batches and lengths, and decoding.
static void test_open_lengths(void **state) {
  Bench *bench = *state;
  if (!open_maker(bench, cpu_best_tier())) skip();
  for (int i = 0; i < mod_case_count(); i++)
    for (int shape = 0; shape < 4; shape++) {
      AttentionProblem problem = random_problem(bench, shape);
      problem.heads = 4;
      problem.kv_heads = 2;
      if (shape == 3) problem.queries = 1;
      bool cached = check_mod(bench, i, problem, cpu_best_tier(), true);
      if (!cached && shape > 0) fail_msg("mod %d is compiled again for another length", i);
    }
  close_maker(bench);
}

static void spoil(Bench *bench, const Tensor *x) {
  static const float odd[] = {NAN, INFINITY, -INFINITY};
  float *values = x->data;
  for (int i = 0; i < 3; i++)
    values[random_below(&bench->random, (uint64_t)tensor_elements(x))] = odd[i];
}

static void assert_alike(const Tensor *found, const Tensor *expected, const char *what) {
  const float *a = found->data, *b = expected->data;
  for (int64_t i = 0; i < tensor_elements(found); i++) {
    bool same = a[i] == b[i] || (isnan(a[i]) && isnan(b[i]));
    if (!same && !(fabsf(a[i] - b[i]) <= 2e-5f * (1 + fabsf(b[i]))))
      fail_msg("%s, element %d: %g compiled, %g interpreted", what, (int)i, (double)a[i],
               (double)b[i]);
  }
}

// What is hidden may be infinite or NaN and reaches nothing; what is seen reaches what it did.
static void test_infinities(void **state) {
  Bench *bench = *state;
  if (!open_maker(bench, cpu_best_tier())) skip();
  for (int i = 0; i < 3 * mod_case_count(); i++) {
    AttentionProblem problem = random_problem(bench, 3 * i);
    ModCase mod = mod_case_make(i % mod_case_count(), &problem, &bench->random);
    problem.mod = mod.bound;
    Case c = case_make(&problem, false, &bench->random),
         d = case_make(&problem, false, &bench->random);
    spoil(bench, &c.operands.v);
    if (i % 2) spoil(bench, &c.operands.k);
    AttentionPlan *compiled = prepare(bench, &problem, NULL, cpu_best_tier(), bench->maker);
    AttentionPlan *interpreted = prepare(bench, &problem, NULL, cpu_best_tier(), NULL);
    backend_flex.forward(compiled, &c.operands, &c.result);
    backend_flex.forward(interpreted, &c.operands, &d.result);
    assert_alike(&c.result.out, &d.result.out, mod.name);
    backend_flex.release(compiled);
    backend_flex.release(interpreted);
    case_free(&c);
    case_free(&d);
    mod_case_free(&mod);
  }
  close_maker(bench);
}

// A compiler that answers --version like one, and else does what `body` says.
static void use_script(const Bench *bench, const char *body) {
  FILE *file = fopen(bench->script, "w");
  fprintf(file, "#!/bin/sh\nif [ \"$1\" = --version ]; then echo trial 1.0; exit; fi\n%s\n", body);
  fclose(file);
  chmod(bench->script, 0700);
  setenv("CC", bench->script, 1);
}

static void softcap_case(Bench *bench, AttentionProblem *problem, ModCase *mod) {
  *problem = (AttentionProblem){1, 2, 1, 40, 50, 16, 0.3, DTYPE_F32, NULL};
  *mod = mod_case_make(8, problem, &bench->random);
  problem->mod = mod->bound;
}

// Calls are answered while the code is being built, and after it; both are right.
static void test_later(void **state) {
  Bench *bench = *state;
  AttentionProblem problem;
  ModCase mod;
  Error error = {0};
  use_script(bench, "sleep 0.4; exec cc \"$@\"");
  if (!open_maker(bench, cpu_best_tier())) skip();
  softcap_case(bench, &problem, &mod);
  AttentionSetup setup = {.kernels = kernels_for(cpu_best_tier()),
                          .team = bench->teams[2],
                          .compiler = bench->maker,
                          .compiler_needed = true,
                          .compile_later = true};
  Case c = case_make(&problem, false, &bench->random);
  Reference expected = reference_attention(&problem, &c.operands, &c.dout, &mod.reference);
  AttentionPlan *plan = backend_flex.prepare(&problem, true, &setup, &error);
  assert_non_null(plan);
  assert_int_equal(attention_plan_code(plan).state, ATTENTION_CODE_BUILDING);
  int64_t deadline = clock_now() + 60 * (int64_t)SECOND, calls = 0;
  for (bool built = false; !built; calls += 2 * !built) {
    case_poison(&c);
    backend_flex.forward(plan, &c.operands, &c.result);
    backend_flex.backward(plan, &c.operands, &c.result, &c.dout, &c.gradients);
    reference_check_result(&c.result, &expected, "while it is built");
    reference_check_gradients(&c.gradients, &expected, "while it is built");
    built = attention_plan_code(plan).state == ATTENTION_CODE_COMPILED;
    assert_true(clock_now() < deadline);
  }
  case_poison(&c);
  run(plan, &c);
  reference_check_result(&c.result, &expected, "compiled");
  reference_check_gradients(&c.gradients, &expected, "compiled");
  int64_t interpreted = attention_plan_code(plan).interpreted_calls;
  assert_true(interpreted >= calls && interpreted <= calls + 1 && interpreted >= 2);
  backend_flex.release(plan);
  plan = backend_flex.prepare(&problem, true, &setup, &error); // released while it is being found
  assert_non_null(plan);
  backend_flex.release(plan);
  reference_free(&expected);
  case_free(&c);
  mod_case_free(&mod);
  close_maker(bench);
}

// Where code is needed its failure is the plan's; else the plan is interpreted and says why.
static void test_failures(void **state) {
  static const struct {
    const char *body, *message;
  } failures[] = {
      {"echo no licence left >&2; exit 3", "no licence left"},
      {"kill -9 $$", "signal 9"},
      {"for last; do :; done; echo 'int x;' >$last; exec cc \"$@\"", "does not export"}};
  Bench *bench = *state;
  AttentionProblem problem;
  ModCase mod;
  softcap_case(bench, &problem, &mod);
  for (int i = 0; i < 2 * (int)COUNT_OF(failures); i++) {
    Error error = {0};
    use_script(bench, failures[i / 2].body);
    if (!open_maker(bench, cpu_best_tier())) skip();
    AttentionSetup setup = {.kernels = kernels_for(cpu_best_tier()),
                            .team = bench->teams[1],
                            .compiler = bench->maker,
                            .compiler_needed = i % 2};
    AttentionPlan *plan = backend_flex.prepare(&problem, true, &setup, &error);
    assert_int_equal(plan == NULL, i % 2);
    if (plan) {
      Case c = case_make(&problem, false, &bench->random);
      AttentionCodeFacts code = attention_plan_code(plan);
      assert_int_equal(code.state, ATTENTION_CODE_INTERPRETED);
      error = code.failed;
      run(plan, &c);
      backend_flex.release(plan);
      case_free(&c);
    }
    if (!strstr(error.message, failures[i / 2].message)) fail_msg("%s", error.message);
    close_maker(bench);
  }
  mod_case_free(&mod);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_against_double), TEST(test_open_lengths), TEST(test_infinities),
      TEST(test_later),          TEST(test_failures),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
