// SPDX-License-Identifier: Apache-2.0
// The tiled backward pass by itself, over stages with ranges and a score_mod of the test's own:
// both orders, every tier, odd shapes, blocks of any size, rows that see nothing; and the same bits
// whatever the number of threads.
#include "attention/flash_backward.h"
#include "attention/native_stage.h"
#include "case.h"
#include "reference.h"

enum { MOST_THREADS = 4, CASES = 40 };
static Team *teams[MOST_THREADS + 1];

typedef struct {
  AttentionProblem problem;
  RowRanges ranges;
  NativeStage native;
  ScoreStage stage; // the native one with the score_mod below
  bool modified;
  FlashOrder order;
} Setting;

static bool sees(const void *data, int64_t b, int64_t h, int64_t q, int64_t k) {
  const RowRanges *ranges = data;
  int64_t at = row_ranges_at(ranges, b, h, q);
  return k >= ranges->first[at] && k < ranges->last[at];
}

static double bent(const void *data, double score, int64_t b, int64_t h, int64_t q, int64_t k) {
  (void)data, (void)b;
  return 2.0 * tanh(score / 2.0) + 0.01 * (double)(k - q) + 0.1 * (double)h;
}

static double slope(const void *data, double score, int64_t b, int64_t h, int64_t q, int64_t k) {
  (void)data, (void)b, (void)h, (void)q, (void)k;
  return 1.0 - tanh(score / 2.0) * tanh(score / 2.0);
}

static void modify(const ScoreStage *stage, const ScoreTile *tile, float *scores, void *scratch) {
  (void)stage;
  memset(scratch, 0xFF, 100);
  for (int64_t r = 0; r < tile->rows; r++)
    for (int64_t c = 0; c < tile->columns; c++) {
      float *score = &scores[r * tile->stride + c];
      *score = (float)bent(NULL, *score, 0, tile->head, tile->query + r, tile->key + c);
    }
}

static void derive(const ScoreStage *stage, const ScoreTile *tile, const float *scores,
                   float *gradients, void *scratch) {
  (void)stage;
  memset(scratch, 0xFF, 100);
  for (int64_t r = 0; r < tile->rows; r++)
    for (int64_t c = 0; c < tile->columns; c++)
      gradients[r * tile->stride + c] *=
          (float)slope(NULL, scores[r * tile->stride + c], 0, 0, 0, 0);
}

static int64_t between(Random *random, int64_t least, int64_t most) {
  return least + (int64_t)random_below(random, (uint64_t)(most - least + 1));
}

// Everything, causal, a band with rows that see nothing, ranges without order.
static void fill_ranges(RowRanges *ranges, int kind, Random *random) {
  int64_t count = ranges->batches * ranges->heads * ranges->queries, keys = ranges->keys;
  ranges->first = calloc((size_t)count, sizeof(int32_t));
  ranges->last = calloc((size_t)count, sizeof(int32_t));
  for (int64_t i = 0; i < count; i++) {
    int64_t q = i % ranges->queries, first = 0, last = keys;
    if (kind == 1) last = q + 1;
    if (kind == 2) first = q - 20, last = q - 7;
    if (kind == 3) first = between(random, 0, keys), last = between(random, 0, keys);
    ranges->first[i] = (int32_t)(first < 0 ? 0 : first > keys ? keys : first);
    ranges->last[i] = (int32_t)(last < 0 ? 0 : last > keys ? keys : last);
    if (ranges->last[i] < ranges->first[i]) ranges->last[i] = ranges->first[i];
  }
}

static Setting random_setting(Random *random, int number) {
  static const Dtype dtypes[] = {DTYPE_F32, DTYPE_BF16, DTYPE_F16};
  AttentionProblem problem = {.batch = between(random, 1, 2),
                              .kv_heads = between(random, 1, 2),
                              .queries = between(random, 1, 280),
                              .keys = between(random, 1, 330),
                              .head_dim = between(random, 1, number % 5 ? 100 : 256),
                              .scale = 0.15,
                              .dtype = dtypes[number % 3]};
  problem.heads = problem.kv_heads * between(random, 1, 3);
  Setting setting = {.problem = problem,
                     .modified = random_below(random, 2),
                     .order = random_below(random, 2) ? FLASH_OVER_KEYS : FLASH_OVER_QUERIES};
  setting.ranges = (RowRanges){.batches = random_below(random, 2) ? problem.batch : 1,
                               .heads = random_below(random, 2) ? problem.heads : 1,
                               .queries = problem.queries,
                               .keys = problem.keys};
  fill_ranges(&setting.ranges, number % 4, random);
  return setting;
}

static void start_stage(Setting *setting, Random *random) {
  int64_t rows = between(random, 1, 150), columns = MATRIX_PANEL * between(random, 1, 9);
  size_t spans = (size_t)native_stage_spans(&setting->ranges, rows);
  native_stage_start(&setting->native, &setting->ranges, calloc(spans, sizeof(RangeSpan)), rows,
                     columns);
  setting->stage = setting->native.stage;
  if (!setting->modified) return;
  setting->stage.modify = modify;
  setting->stage.derive = derive;
  setting->stage.scratch_bytes = 100;
}

static void free_setting(Setting *setting) {
  free(setting->ranges.first);
  free(setting->ranges.last);
  free(setting->native.spans);
}

// The exact result, rounded as a forward pass rounds it.
static void set_result(Case *c, const Reference *reference) {
  const Tensor *out = &c->result.out;
  for (int64_t i = 0; i < tensor_elements(out); i++) {
    int64_t rest = i, at = 0;
    for (int axis = 3; axis >= 0; axis--) {
      at += rest % out->shape[axis] * out->stride[axis];
      rest /= out->shape[axis];
    }
    float value = (float)reference->out[i];
    char *element = (char *)out->data + at * dtype_facts(out->dtype)->block_bytes;
    kernels_reference.narrow(out->dtype, 1, &value, element);
  }
  for (int64_t i = 0; i < c->problem.batch * c->problem.heads * c->problem.queries; i++)
    c->result.lse[i] = (float)reference->lse[i];
}

static void run(const Setting *setting, const Case *c, const Kernels *kernels, Team *team) {
  FlashBackward backward;
  const ScoreStage *stage = &setting->stage;
  int64_t bytes =
      flash_backward_bytes(&setting->problem, stage, setting->order, kernels, team_size(team));
  Guarded memory = guarded_make((size_t)((bytes + 63) / 64 * 64));
  assert_int_equal(bytes % 64, 0);
  memset(memory.data, 0xFF, memory.size);
  flash_backward_start(&backward, &setting->problem, stage, setting->order, kernels, team,
                       memory.data);
  flash_backward_run(&backward, &c->operands, &c->result, &c->dout, &c->gradients);
  guarded_free(memory);
}

static void check(const Setting *setting, const Case *c, const Reference *expected,
                  const char *where) {
  char text[128], what[256];
  snprintf(what, sizeof what, "%s, %s, %s, mod %d", case_text(&setting->problem, text, sizeof text),
           setting->order == FLASH_OVER_KEYS ? "over keys" : "over queries", where,
           setting->modified);
  reference_check_gradients(&c->gradients, expected, what);
}

static void test_against_double(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  for (int i = 0; i < CASES; i++) {
    Setting setting = random_setting(&random, i);
    start_stage(&setting, &random);
    Case c = case_make(&setting.problem, i % 2, &random);
    ReferenceMod mod = {setting.modified ? bent : NULL, setting.modified ? slope : NULL, sees,
                        &setting.ranges};
    Reference expected = reference_attention(&setting.problem, &c.operands, &c.dout, &mod);
    FOR_EACH_TIER(kernels) {
      case_poison(&c);
      set_result(&c, &expected);
      run(&setting, &c, kernels, teams[1 + i % MOST_THREADS]);
      check(&setting, &c, &expected, cpu_tier_name(kernels->tier));
    }
    reference_free(&expected);
    case_free(&c);
    free_setting(&setting);
  }
}

static void test_threads_do_not_matter(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  for (int i = 0; i < 12; i++) {
    Setting setting = random_setting(&random, i);
    start_stage(&setting, &random);
    Case c = case_make(&setting.problem, false, &random);
    ReferenceMod mod = {.visible = sees, .data = &setting.ranges};
    Reference exact = reference_attention(&setting.problem, &c.operands, NULL, &mod);
    unsigned char *first[3];
    for (int threads = 1; threads <= MOST_THREADS; threads++) {
      case_poison(&c);
      set_result(&c, &exact);
      run(&setting, &c, kernels_for(cpu_best_tier()), teams[threads]);
      for (int j = 0; j < 3; j++) {
        const Guarded *memory = &c.memory[5 + j];
        if (threads == 1) first[j] = memcpy(malloc(memory->size), memory->data, memory->size);
        assert_memory_equal(first[j], memory->data, memory->size);
      }
    }
    for (int j = 0; j < 3; j++) free(first[j]);
    reference_free(&exact);
    case_free(&c);
    free_setting(&setting);
  }
}

// Without a stage every key is seen.
static void test_no_stage(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  AttentionProblem problem = {.batch = 1,
                              .heads = 2,
                              .kv_heads = 1,
                              .queries = 150,
                              .keys = 301,
                              .head_dim = 64,
                              .scale = 0.125,
                              .dtype = DTYPE_F32};
  Case c = case_make(&problem, false, &random);
  Reference expected = reference_attention(&problem, &c.operands, &c.dout, NULL);
  for (int order = 0; order < 2; order++) {
    FlashBackward backward;
    const Kernels *kernels = kernels_for(cpu_best_tier());
    int64_t bytes = flash_backward_bytes(&problem, NULL, (FlashOrder)order, kernels, 2);
    Guarded memory = guarded_make((size_t)bytes);
    set_result(&c, &expected);
    flash_backward_start(&backward, &problem, NULL, (FlashOrder)order, kernels, teams[2],
                         memory.data);
    flash_backward_run(&backward, &c.operands, &c.result, &c.dout, &c.gradients);
    Setting setting = {.problem = problem, .order = (FlashOrder)order};
    check(&setting, &c, &expected, "no stage");
    guarded_free(memory);
  }
  reference_free(&expected);
  case_free(&c);
}

// What no row sees may hold anything: nothing of it reaches a gradient.
static void test_hidden_values(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  Setting setting = random_setting(&random, 3 * 4 + 1);
  setting.problem.dtype = DTYPE_F32;
  setting.problem.queries = setting.ranges.queries = 50;
  setting.problem.keys = setting.ranges.keys = 90;
  free(setting.ranges.first);
  free(setting.ranges.last);
  setting.modified = false;
  fill_ranges(&setting.ranges, 1, &random);
  start_stage(&setting, &random);
  Case c = case_make(&setting.problem, false, &random);
  ReferenceMod mod = {.visible = sees, .data = &setting.ranges};
  Reference expected = reference_attention(&setting.problem, &c.operands, &c.dout, &mod);
  set_result(&c, &expected);
  float *v = c.operands.v.data;
  for (int64_t head = 0; head < setting.problem.batch * setting.problem.kv_heads; head++)
    for (int64_t i = 50 * setting.problem.head_dim; i < 90 * setting.problem.head_dim; i++)
      v[head * 90 * setting.problem.head_dim + i] = i % 2 ? NAN : INFINITY;
  run(&setting, &c, kernels_for(cpu_best_tier()), teams[2]);
  check(&setting, &c, &expected, "hidden values");
  reference_free(&expected);
  case_free(&c);
  free_setting(&setting);
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
      cmocka_unit_test(test_threads_do_not_matter),
      cmocka_unit_test(test_no_stage),
      cmocka_unit_test(test_hidden_values),
  };
  return cmocka_run_group_tests(tests, open_teams, close_teams);
}
