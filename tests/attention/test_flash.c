// SPDX-License-Identifier: Apache-2.0
// The tiled and the chunked forward pass and decoding against double precision: dtypes, groups, odd
// sizes, strided operands, masks of many shapes, blocks of many sizes, tiers, threads; infinities
// and NaNs.
#include "attention/chunked_forward.h"
#include "attention/flash_decode.h"
#include "attention/flash_forward.h"
#include "base/memory.h"
#include "case.h"
#include "mask_stage.h"

enum { MOST_THREADS = 4, CASES = 30, INFECTED = 16 };
static Team *teams[MOST_THREADS + 1];

static int64_t between(Random *random, int64_t least, int64_t most) {
  return least + (int64_t)random_below(random, (uint64_t)(most - least + 1));
}

static bool causal(const void *data, int64_t b, int64_t h, int64_t q, int64_t k) {
  (void)data, (void)b, (void)h;
  return q >= k;
}

static bool window(const void *data, int64_t b, int64_t h, int64_t q, int64_t k) {
  (void)data, (void)b, (void)h;
  return q >= k && q - k < 20;
}

// Rows that see nothing, heads that see different keys, keys with gaps.
static bool patches(const void *data, int64_t b, int64_t h, int64_t q, int64_t k) {
  (void)data, (void)b;
  return q % 7 != 3 && (k / 24 + q / 40 + h) % 3 != 0;
}

static bool speckles(const void *data, int64_t b, int64_t h, int64_t q, int64_t k) {
  (void)data;
  return (q * 31 + k * 17 + h * 5 + b * 3) % 11 < 4;
}

static bool nothing(const void *data, int64_t b, int64_t h, int64_t q, int64_t k) {
  (void)data, (void)b, (void)h, (void)q, (void)k;
  return false;
}

static double slope(const void *data, double score, int64_t b, int64_t h, int64_t q, int64_t k) {
  (void)data, (void)b;
  return score + (double)(k - q) * 0.02 / (double)(h + 1);
}

static const ReferenceMod mods[] = {
    {.visible = NULL},    {.visible = causal},   {.visible = window},
    {.visible = patches}, {.visible = speckles}, {.score = slope, .visible = causal},
    {.score = slope},     {.visible = nothing},
};

typedef struct {
  const Kernels *kernels;
  Team *team;
  const ReferenceMod *mod;
  int64_t block_rows, block_columns;
} Setting;

static void *take(Region *region, int64_t bytes) {
  Error error = {0};
  assert_true(region_map(region, (size_t)bytes, &error));
  memset(region->data, 0xFF, (size_t)bytes);
  return region->data;
}

static void run_forward(const Case *c, const Setting *setting) {
  MaskStage mask;
  Region region;
  FlashForward forward;
  mask_stage_start(&mask, &c->problem, setting->mod, setting->block_rows, setting->block_columns);
  int64_t bytes = flash_forward_bytes(&c->problem, &mask.stage, team_size(setting->team));
  flash_forward_start(&forward, &c->problem, &mask.stage, setting->kernels, setting->team,
                      take(&region, bytes));
  uint64_t allocations = memory_allocation_count();
  flash_forward_run(&forward, &c->operands, &c->result);
  assert_int_equal(memory_allocation_count(), allocations);
  region_unmap(&region);
}

typedef struct {
  const FlashDecode *decode;
  const Case *c;
} DecodeJob;

static void decode_job(void *context, int thread, int threads) {
  const DecodeJob *job = context;
  flash_decode_run_part(job->decode, &job->c->operands, &job->c->result, thread, threads);
}

static void decode_alone(FlashDecode *decode, const Case *c) {
  flash_decode_run(decode, &c->operands, &c->result);
}

static void decode_by_parts(FlashDecode *decode, const Case *c) {
  DecodeJob job = {decode, c};
  team_run(decode->team, decode_job, &job);
}

static void start_decode(const Case *c, const Setting *setting,
                         void (*run)(FlashDecode *decode, const Case *c)) {
  MaskStage mask;
  Region region;
  FlashDecode decode;
  mask_stage_start(&mask, &c->problem, setting->mod, 1, setting->block_columns);
  int64_t bytes = flash_decode_bytes(&c->problem, &mask.stage, team_size(setting->team));
  flash_decode_start(&decode, &c->problem, &mask.stage, setting->kernels, setting->team,
                     take(&region, bytes));
  uint64_t allocations = memory_allocation_count();
  run(&decode, c);
  assert_int_equal(memory_allocation_count(), allocations);
  region_unmap(&region);
}

static void run_decode(const Case *c, const Setting *setting) {
  start_decode(c, setting, decode_alone);
}

static void run_decode_part(const Case *c, const Setting *setting) {
  start_decode(c, setting, decode_by_parts);
}

static void run_chunked(const Case *c, const Setting *setting) {
  MaskStage mask;
  Region region;
  ChunkedForward forward;
  mask_stage_start(&mask, &c->problem, setting->mod, CHUNKED_ROWS, setting->block_columns);
  int64_t bytes =
      chunked_forward_bytes(&c->problem, mask.stage.scratch_bytes, team_size(setting->team));
  chunked_forward_start(&forward, &c->problem, &mask.stage, setting->kernels, setting->team,
                        take(&region, bytes));
  uint64_t allocations = memory_allocation_count();
  chunked_forward_run(&forward, &c->operands, &c->result);
  assert_int_equal(memory_allocation_count(), allocations);
  region_unmap(&region);
}

typedef void Runner(const Case *c, const Setting *setting);

static char *describe(const Case *c, const Setting *setting, char *text, size_t size) {
  char problem[128];
  snprintf(text, size, "%s %s threads %d mod %d blocks %lld x %lld",
           case_text(&c->problem, problem, sizeof problem), cpu_tier_name(setting->kernels->tier),
           team_size(setting->team), (int)(setting->mod - mods), (long long)setting->block_rows,
           (long long)setting->block_columns);
  return text;
}

static void check(Case *c, const Setting *setting, Runner *run) {
  char text[256];
  describe(c, setting, text, sizeof text);
  Reference expected = reference_attention(&c->problem, &c->operands, NULL, setting->mod);
  case_poison(c);
  run(c, setting);
  reference_check(&c->result.out, expected.out, REFERENCE_OUT, text);
  reference_check_lse(c->problem.batch * c->problem.heads * c->problem.queries, c->result.lse,
                      expected.lse, text);
  reference_free(&expected);
}

static AttentionProblem random_problem(Random *random, bool decode) {
  static const Dtype dtypes[] = {DTYPE_F32, DTYPE_BF16, DTYPE_F16};
  AttentionProblem problem = {.batch = between(random, 1, 2),
                              .kv_heads = between(random, 1, 3),
                              .queries = decode ? 1 : between(random, 1, 300),
                              .keys = between(random, 1, decode ? 1200 : 300),
                              .head_dim = between(random, 1, 40),
                              .dtype = dtypes[random_below(random, 3)]};
  switch (random_below(random, 8)) {
  case 0: problem.head_dim = between(random, 41, 256); break;
  case 1: problem.head_dim = 64; break;
  case 2: problem.head_dim = 128; break;
  case 3: problem.keys = between(random, 500, 1100); break;
  default: break;
  }
  problem.heads = problem.kv_heads * between(random, 1, decode ? 11 : 3);
  problem.scale = 1.0 / sqrt((double)problem.head_dim);
  return problem;
}

static Setting random_setting(Random *random, const Kernels *kernels) {
  static const int64_t rows[] = {1, 4, 12, 17, 64, 100, 128, 200, 1000};
  return (Setting){.kernels = kernels,
                   .team = teams[between(random, 1, MOST_THREADS)],
                   .mod = &mods[random_below(random, COUNT_OF(mods))],
                   .block_rows = rows[random_below(random, COUNT_OF(rows))],
                   .block_columns = MATRIX_PANEL * between(random, 1, 9)};
}

static void check_cases(bool decode) {
  Random random = random_seeded(fresh_seed());
  FOR_EACH_TIER(kernels)
  for (int i = 0; i < CASES; i++) {
    AttentionProblem problem = random_problem(&random, decode);
    Setting setting = random_setting(&random, kernels);
    Case c = case_make(&problem, random_below(&random, 2), &random);
    check(&c, &setting, run_forward);
    setting.block_columns = between(&random, 1, 100);
    check(&c, &setting, run_chunked);
    if (decode) check(&c, &setting, run_decode);
    if (decode) check(&c, &setting, run_decode_part);
    case_free(&c);
  }
}

static void test_forward(void **state) {
  (void)state;
  check_cases(false);
}

static void test_decode(void **state) {
  (void)state;
  check_cases(true);
}

static void put(const Tensor *x, int64_t head, int64_t row, int64_t dim, float value) {
  int64_t at = head * x->stride[1] + row * x->stride[2] + dim;
  kernels_reference.narrow(x->dtype, 1, &value,
                           (char *)x->data + at * dtype_facts(x->dtype)->block_bytes);
}

static float get(const Tensor *x, int64_t head, int64_t row, int64_t dim) {
  float value;
  int64_t at = head * x->stride[1] + row * x->stride[2] + dim;
  kernels_reference.widen(x->dtype, 1,
                          (const char *)x->data + at * dtype_facts(x->dtype)->block_bytes, &value);
  return value;
}

// What row `row` of head `head` depends on: whether it should be NaN as a whole, or in dim 2 alone.
typedef enum { CLEAN, ONE_DIM, WHOLE } Spoilt;

static void check_spoilt(const Case *c, const Setting *setting, int64_t head, int64_t row,
                         Spoilt spoilt) {
  char text[256];
  for (int64_t d = 0; d < c->problem.head_dim; d++) {
    float value = get(&c->result.out, head, row, d);
    bool expected = spoilt == WHOLE || (spoilt == ONE_DIM && d == 2);
    if (!isfinite(value) != expected)
      fail_msg("%s: head %lld row %lld dim %lld is %g", describe(c, setting, text, sizeof text),
               (long long)head, (long long)row, (long long)d, (double)value);
  }
}

// A NaN or an infinity in one value, key and query: exactly the rows that see it change.
static void check_infection(const AttentionProblem *problem, const Setting *setting, float odd,
                            Random *random, Runner *run) {
  int64_t bad_v = between(random, 0, problem->keys - 1), group = problem->heads / problem->kv_heads;
  int64_t bad_k = between(random, 0, problem->keys - 1);
  int64_t bad_q = between(random, 0, problem->queries - 1);
  Case c = case_make(problem, random_below(random, 2), random);
  put(&c.operands.v, 0, bad_v, 2, odd);
  if (problem->kv_heads > 1) put(&c.operands.k, 1, bad_k, 1, NAN);
  put(&c.operands.q, problem->heads - 1, bad_q, 0, NAN);
  case_poison(&c);
  run(&c, setting);
  for (int64_t h = 0; h < problem->heads; h++)
    for (int64_t i = 0; i < problem->queries; i++) {
      bool any = false;
      for (int64_t j = 0; j < problem->keys; j++) any |= setting->mod->visible(NULL, 0, h, i, j);
      Spoilt spoilt = CLEAN;
      if (h / group == 0 && setting->mod->visible(NULL, 0, h, i, bad_v)) spoilt = ONE_DIM;
      if (h / group == 1 && setting->mod->visible(NULL, 0, h, i, bad_k)) spoilt = WHOLE;
      if (h == problem->heads - 1 && i == bad_q && any) spoilt = WHOLE;
      check_spoilt(&c, setting, h, i, spoilt);
    }
  case_free(&c);
}

static void test_infection(void **state) {
  (void)state;
  static const float odd[] = {NAN, INFINITY, -INFINITY};
  Random random = random_seeded(fresh_seed());
  FOR_EACH_TIER(kernels)
  for (int i = 0; i < INFECTED; i++) {
    AttentionProblem problem = random_problem(&random, i % 2);
    problem.batch = 1;
    problem.kv_heads = 2;
    problem.heads = 4;
    if (problem.head_dim < 3) problem.head_dim = 3;
    Setting setting = random_setting(&random, kernels);
    setting.mod = &mods[1 + i / 2 % 4]; // those with a mask
    check_infection(&problem, &setting, odd[i % 3], &random, i % 2 ? run_decode : run_forward);
    if (i % 2) check_infection(&problem, &setting, odd[i % 3], &random, run_decode_part);
    check_infection(&problem, &setting, odd[i % 3], &random, run_chunked);
  }
}

static void check_same(Runner *run, bool decode, Random *random) {
  AttentionProblem problem = random_problem(random, decode);
  Setting setting = random_setting(random, kernels_for(cpu_best_tier()));
  Case c = case_make(&problem, random_below(random, 2), random);
  size_t bytes = c.memory[4].size;
  void *first = malloc(bytes);
  for (int t = 1; t <= MOST_THREADS; t++) {
    setting.team = teams[t];
    case_poison(&c);
    run(&c, &setting);
    if (t == 1) memcpy(first, c.result.out.data, bytes);
    assert_memory_equal(first, c.result.out.data, bytes);
  }
  free(first);
  case_free(&c);
}

static void test_threads_do_not_matter(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  for (int i = 0; i < 10; i++) {
    check_same(run_forward, false, &random);
    check_same(run_chunked, false, &random);
    check_same(run_decode, true, &random);
    check_same(run_decode_part, true, &random);
  }
}

int main(void) {
  Error error;
  for (int t = 1; t <= MOST_THREADS; t++)
    if (!(teams[t] = team_open(t, false, &error))) return 1;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_forward),
      cmocka_unit_test(test_decode),
      cmocka_unit_test(test_infection),
      cmocka_unit_test(test_threads_do_not_matter),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  for (int t = 1; t <= MOST_THREADS; t++) team_close(teams[t]);
  return failed;
}
