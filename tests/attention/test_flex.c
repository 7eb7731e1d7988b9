// SPDX-License-Identifier: Apache-2.0
// flex, forward and backward, with random masks and scores over odd shapes, groups and dtypes,
// against double precision; its block mask's facts.
#include "attention/backend.h"
#include "base/memory.h"
#include "case.h"
#include "mods/evaluate.h"
#include "random_mask.h"
#include "reference.h"

enum { CASES = 120, MOST_THREADS = 3 };
static Team *teams[MOST_THREADS + 1];

static int64_t between(Random *random, int64_t low, int64_t high) {
  return low + (int64_t)random_below(random, (uint64_t)(high - low + 1));
}

static double score_at(const void *data, double score, int64_t b, int64_t h, int64_t q, int64_t k) {
  return mod_score_at(data, &(ModPoint){b, h, q, k, score});
}

static double derivative_at(const void *data, double score, int64_t b, int64_t h, int64_t q,
                            int64_t k) {
  return mod_derivative_at(data, &(ModPoint){b, h, q, k, score});
}

static bool visible_at(const void *data, int64_t b, int64_t h, int64_t q, int64_t k) {
  return mod_visible_at(data, &(ModPoint){b, h, q, k, 0.0});
}

static const char *const scores[] = {
    NULL,
    "score + (kv_idx - q_idx) * 0.02 * exp2(-8 * (h + 1) / Hq)",
    "8 * tanh(score / 8)",
    "where(q_idx % 3 == kv_idx % 3, score * 0.5, score * score * 0.1)",
    "score * (0.5 + 0.1 * any[kv_idx]) - abs(score) * 0.25",
};

static AttentionProblem random_problem(const RandomMask *mod, Random *random) {
  static const Dtype dtypes[] = {DTYPE_F32, DTYPE_BF16, DTYPE_F16};
  AttentionProblem problem = random_mask_problem(mod);
  if (random_below(random, 2)) problem.kv_heads = 1;
  problem.head_dim = between(random, 1, 72);
  problem.dtype = dtypes[random_below(random, 3)];
  return problem;
}

// Cut as it likes, or into blocks, units and stretches of odd sizes.
static FlexTiles random_tiles(Random *random) {
  static const int64_t columns[] = {128, 256}, blocks[] = {0, 32, 96, 1024};
  if (random_below(random, 2)) return (FlexTiles){0};
  return (FlexTiles){.block_rows = between(random, 1, 200),
                     .block_columns = columns[random_below(random, 2)],
                     .unit_rows = between(random, 0, 192),
                     .key_block = blocks[random_below(random, 4)]};
}

static void run(Case *c, const Kernels *kernels, Team *team, FlexTiles tiles) {
  Error error = {0};
  const AttentionBackend *flex = attention_backend_find("flex", &error);
  assert_non_null(flex);
  assert_true(attention_backend_supports(flex, &c->problem, true, &error));
  AttentionSetup setup = {.kernels = kernels, .team = team, .tiles = tiles};
  AttentionPlan *plan = flex->prepare(&c->problem, true, &setup, &error);
  if (!plan) fail_msg("%s", error.message);
  uint64_t allocations = memory_allocation_count();
  flex->forward(plan, &c->operands, &c->result);
  flex->backward(plan, &c->operands, &c->result, &c->dout, &c->gradients);
  assert_int_equal(memory_allocation_count(), allocations);
  flex->release(plan);
}

static void check_case(const RandomMask *mod, Random *random, const Kernels *kernels, Team *team) {
  AttentionProblem problem = random_problem(mod, random);
  Case c = case_make(&problem, random_below(random, 2), random);
  ReferenceMod meaning = {.visible = visible_at, .data = mod->bound};
  if (mod->score) meaning.score = score_at, meaning.derivative = derivative_at;
  Reference wanted = reference_attention(&problem, &c.operands, &c.dout, &meaning);
  case_poison(&c);
  run(&c, kernels, team, random_tiles(random));
  char shape[128], what[1400];
  snprintf(what, sizeof what, "%s %s, score \"%s\", mask \"%s\"", cpu_tier_name(kernels->tier),
           case_text(&problem, shape, sizeof shape), mod->score ? mod->score : "", mod->text);
  reference_check(&c.result.out, wanted.out, REFERENCE_OUT, what);
  reference_check_lse(problem.batch * problem.heads * problem.queries, c.result.lse, wanted.lse,
                      what);
  reference_check_gradients(&c.gradients, &wanted, what);
  reference_free(&wanted);
  case_free(&c);
}

static void test_random_masks(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  for (int i = 0; i < CASES; i++) {
    ModShape shape = random_mask_shape(&random, 280);
    RandomMask mod = random_mask_make(&random, &shape, i % 4, scores[i % COUNT_OF(scores)]);
    CpuTier tier = (CpuTier)random_below(&random, (uint64_t)cpu_best_tier() + 1);
    check_case(&mod, &random, kernels_for(tier), teams[1 + i % MOST_THREADS]);
    random_mask_free(&mod);
  }
}

// Everything hidden, single rows and columns hidden, one element alone, whole blocks.
static void test_edges(void **state) {
  (void)state;
  static const char *const masks[] = {"q_idx < 0",
                                      "q_idx != 1",
                                      "kv_idx == 2",
                                      "q_idx == kv_idx",
                                      "q_idx // 128 != kv_idx // 128",
                                      "kv_idx >= 128 and h == 0"};
  static const int64_t lengths[][2] = {{1, 1}, {3, 300}, {300, 3}, {129, 257}};
  Random random = random_seeded(fresh_seed());
  for (size_t m = 0; m < COUNT_OF(masks); m++)
    for (size_t l = 0; l < COUNT_OF(lengths); l++) {
      ModShape shape = {1, 2, 2, lengths[l][0], lengths[l][1], 8, 0, false};
      RandomMask mod = random_mask_of(&random, &shape, masks[m], NULL);
      check_case(&mod, &random, kernels_for(cpu_best_tier()), teams[2]);
      random_mask_free(&mod);
    }
}

static void test_facts(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  Error error = {0};
  ModShape shape = {2, 3, 3, 512, 512, 8, 0, false};
  RandomMask mod = random_mask_of(&random, &shape, "q_idx >= kv_idx", NULL);
  AttentionProblem problem = random_mask_problem(&mod);
  const AttentionBackend *flex = attention_backend_find("flex", &error);
  AttentionSetup setup = {.kernels = &kernels_reference, .team = teams[1]};
  AttentionPlan *plan = flex->prepare(&problem, false, &setup, &error);
  assert_non_null(plan);
  AttentionMaskFacts facts = attention_plan_mask(plan);
  assert_true(facts.present && facts.build_ns > 0);
  assert_int_equal(facts.block_rows, 16 * kernels_reference.tile_rows);
  assert_int_equal(facts.block_columns, 128);
  assert_int_equal(facts.full, 6 * 12);
  assert_int_equal(facts.partial, 6 * 8);
  assert_int_equal(facts.empty, 6 * 12);
  assert_true(facts.sparsity == 0.375);
  assert_true(flex->bytes(&problem, true, 2) > flex->bytes(&problem, false, 2));
  flex->release(plan);
  random_mask_free(&mod);
}

int main(void) {
  Error error;
  for (int t = 1; t <= MOST_THREADS; t++)
    if (!(teams[t] = team_open(t, false, &error))) return 1;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_random_masks),
      cmocka_unit_test(test_edges),
      cmocka_unit_test(test_facts),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  for (int t = 1; t <= MOST_THREADS; t++) team_close(teams[t]);
  return failed;
}
