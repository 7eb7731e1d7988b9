// SPDX-License-Identifier: Apache-2.0
// Every back end of this build against attention in double precision, forward and backward: the
// nine patterns and expressions of other kinds, dtypes, groups of heads, odd shapes, layouts, tiers
// and numbers of threads. Results are poisoned first, and a run may allocate nothing.
#include "attention/backend.h"
#include "base/memory.h"
#include "case.h"
#include "mod_case.h"

enum { MOST_THREADS = 4, ROUNDS = 9 };
static Team *teams[MOST_THREADS + 1];

typedef struct {
  AttentionProblem problem;
  const ModCase *mod;
  const Kernels *kernels;
  Team *team;
  bool served; // by at least one back end
} Setting;

static int64_t between(Random *random, int64_t least, int64_t most) {
  return least + (int64_t)random_below(random, (uint64_t)(most - least + 1));
}

static AttentionProblem random_problem(Random *random, int number) {
  static const Dtype dtypes[] = {DTYPE_F32, DTYPE_BF16, DTYPE_F16};
  AttentionProblem problem = {.batch = between(random, 1, 2),
                              .kv_heads = between(random, 1, 2),
                              .queries = between(random, 1, number % 3 ? 60 : 270),
                              .keys = between(random, 1, number % 4 ? 90 : 330),
                              .head_dim = between(random, 1, number % 5 ? 72 : 256),
                              .scale = 0.2,
                              .dtype = dtypes[number % 3]};
  if (number % 7 == 6) problem.queries = 1;
  problem.heads = problem.kv_heads * between(random, 1, 4);
  return problem;
}

static void describe(const Setting *setting, const AttentionBackend *backend, char *text,
                     size_t size) {
  char shape[128];
  case_text(&setting->problem, shape, sizeof shape);
  snprintf(text, size, "%s %s %s threads %d, %s", backend->name, setting->mod->name,
           cpu_tier_name(setting->kernels->tier), team_size(setting->team), shape);
}

static void check_plan(AttentionPlan *plan, Case *c, const Reference *expected, const char *what) {
  uint64_t allocations = memory_allocation_count();
  plan->backend->forward(plan, &c->operands, &c->result);
  assert_int_equal(memory_allocation_count(), allocations);
  reference_check_result(&c->result, expected, what);
  if (!plan->backend->backward) return;
  plan->backend->backward(plan, &c->operands, &c->result, &c->dout, &c->gradients);
  assert_int_equal(memory_allocation_count(), allocations);
  reference_check_gradients(&c->gradients, expected, what);
}

// What a back end does not serve it refuses as such.
static void check_backend(Setting *setting, const AttentionBackend *backend, Case *c,
                          const Reference *expected) {
  char what[256];
  Error error = {0};
  bool backward = backend->backward != NULL;
  describe(setting, backend, what, sizeof what);
  bool supported = attention_backend_supports(backend, &setting->problem, backward, &error);
  AttentionSetup setup = {.kernels = setting->kernels, .team = setting->team};
  AttentionPlan *plan =
      supported ? backend->prepare(&setting->problem, backward, &setup, &error) : NULL;
  if (!plan) {
    if (error.code != ERROR_UNSUPPORTED) fail_msg("%s: %s: %s", what, error.where, error.message);
    return;
  }
  setting->served = true;
  case_poison(c);
  check_plan(plan, c, expected, what);
  backend->release(plan);
}

static void check_setting(Setting *setting, bool interleaved, Random *random) {
  Case c = case_make(&setting->problem, interleaved, random);
  Reference expected =
      reference_attention(&setting->problem, &c.operands, &c.dout, &setting->mod->reference);
  for (int i = 0; i < attention_backend_count(); i++)
    if (!attention_backend_at(i)->absent)
      check_backend(setting, attention_backend_at(i), &c, &expected);
  assert_true(setting->served);
  reference_free(&expected);
  case_free(&c);
}

static void test_against_double(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  for (int i = 0; i < ROUNDS * mod_case_count(); i++) {
    AttentionProblem problem = random_problem(&random, i);
    ModCase mod = mod_case_make(i % mod_case_count(), &problem, &random);
    problem.mod = mod.bound;
    int tier = (int)random_below(&random, (uint64_t)cpu_best_tier() + 1);
    Setting setting = {.problem = problem,
                       .mod = &mod,
                       .kernels = kernels_for((CpuTier)tier),
                       .team = teams[1 + random_below(&random, MOST_THREADS)]};
    check_setting(&setting, i % 2, &random);
    mod_case_free(&mod);
  }
}

// The gradients themselves as differences of the back end's own forward pass, in float32.
static void check_differences(AttentionPlan *plan, Case *c, const Tensor *operand,
                              const Tensor *gradient, const char *what) {
  const float step = 0x1p-5f;
  float *values = operand->data;
  const float *gradients = gradient->data, *out = c->result.out.data, *dout = c->dout.data;
  for (int64_t i = 0; i < tensor_elements(operand); i += 3) {
    double sums[2] = {0.0, 0.0};
    float before = values[i];
    for (int side = 0; side < 2; side++) {
      values[i] = side ? before + step : before - step;
      plan->backend->forward(plan, &c->operands, &c->result);
      for (int64_t j = 0; j < tensor_elements(&c->result.out); j++)
        sums[side] += (double)out[j] * dout[j];
    }
    values[i] = before;
    double difference = (sums[1] - sums[0]) / (2.0 * step);
    if (!(fabs(difference - gradients[i]) <= 2e-3))
      fail_msg("%s, element %lld: gradient %g, difference %g", what, (long long)i, gradients[i],
               difference);
  }
}

static void test_differences(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  AttentionProblem problem = {.batch = 1,
                              .heads = 2,
                              .kv_heads = 1,
                              .queries = 7,
                              .keys = 9,
                              .head_dim = 5,
                              .scale = 0.3,
                              .dtype = DTYPE_F32};
  ModCase mod = mod_case_make(8, &problem, &random); // softcap
  problem.mod = mod.bound;
  Case c = case_make(&problem, false, &random);
  for (int i = 0; i < attention_backend_count(); i++) {
    const AttentionBackend *backend = attention_backend_at(i);
    Error error = {0};
    if (backend->absent || !backend->backward) continue;
    AttentionSetup setup = {.kernels = kernels_for(cpu_best_tier()), .team = teams[2]};
    AttentionPlan *plan = backend->prepare(&problem, true, &setup, &error);
    assert_non_null(plan);
    plan->backend->forward(plan, &c.operands, &c.result);
    plan->backend->backward(plan, &c.operands, &c.result, &c.dout, &c.gradients);
    check_differences(plan, &c, &c.operands.q, &c.gradients.dq, backend->name);
    check_differences(plan, &c, &c.operands.k, &c.gradients.dk, backend->name);
    check_differences(plan, &c, &c.operands.v, &c.gradients.dv, backend->name);
    backend->release(plan);
  }
  case_free(&c);
  mod_case_free(&mod);
}

static int open_teams(void **state) {
  (void)state;
  Error error;
  for (int i = 1; i <= MOST_THREADS; i++)
    if (!(teams[i] = team_open(i, false, &error))) return -1;
  return 0;
}

static int close_teams(void **state) {
  (void)state;
  for (int i = 1; i <= MOST_THREADS; i++) team_close(teams[i]);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_against_double),
      cmocka_unit_test(test_differences),
  };
  return cmocka_run_group_tests(tests, open_teams, close_teams);
}
