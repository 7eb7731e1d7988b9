// SPDX-License-Identifier: Apache-2.0
// Loads on continuous batching: when requests arrive, what a file says, how they are run and told.
#include "../kernels/guarded.h"
#include "base/document.h"
#include "bench/generation/engine.h"
#include "bench/generation/load_file.h"
#include "bench/generation/load_report.h"
#include "bench/generation/request.h"

enum { PROMPT = 12, NEW = 6, REQUESTS = 9 };

static Team *team;
static Model *model;
static CpuTier tier;

static void must(bool done, const Error *error) {
  if (!done) fail_msg("%s: %s", error->where, error->message);
}

static Arrivals parsed(const char *text) {
  Error error;
  char again[ARRIVALS_TEXT];
  Arrivals arrivals, twice;
  must(arrivals_parse(text, false, &arrivals, &error), &error);
  arrivals_text(&arrivals, again);
  must(arrivals_parse(again, false, &twice, &error), &error);
  assert_true(twice.kind == arrivals.kind && twice.rate == arrivals.rate &&
              twice.number == arrivals.number && twice.every == arrivals.every);
  return arrivals;
}

static void test_arrivals(void **state) {
  (void)state;
  enum { COUNT = 20000 };
  int64_t *times = malloc(COUNT * sizeof *times), *again = malloc(COUNT * sizeof *again);
  Arrivals arrivals = parsed("all");
  arrivals_times(&arrivals, 0, 5, times);
  for (int i = 0; i < 5; i++) assert_int_equal(times[i], 0);
  arrivals = parsed("rate:4");
  arrivals_times(&arrivals, 0, 5, times);
  for (int i = 0; i < 5; i++) assert_int_equal(times[i], i * 250000000LL);
  arrivals = parsed("burst:2,0.5");
  arrivals_times(&arrivals, 0, 5, times);
  for (int i = 0; i < 5; i++) assert_int_equal(times[i], i / 2 * 500000000LL);
  assert_int_equal(parsed("concurrency:7").number, 7);
  arrivals = parsed("poisson:50");
  arrivals_times(&arrivals, 3, COUNT, times);
  arrivals_times(&arrivals, 3, COUNT, again);
  assert_memory_equal(times, again, COUNT * sizeof *times);
  arrivals_times(&arrivals, 4, COUNT, again);
  assert_memory_not_equal(times, again, COUNT * sizeof *times);
  // 20000 gaps of mean 20 ms: the mean is known to within 5 standard errors of 0.7 % each.
  assert_true(fabs((double)times[COUNT - 1] / COUNT / 2e7 - 1) < 0.036);
  for (int i = 1; i < COUNT; i++) assert_true(times[i] >= times[i - 1]);
  free(times), free(again);
}

static void test_arrivals_refused(void **state) {
  (void)state;
  static const char *const wrong[] = {
      "",          "some",        "rate",          "rate:",          "rate:0",  "rate:-1",
      "rate:nan",  "rate:inf",    "rate:1x",       "poisson:",       "burst:3", "burst:0,1",
      "burst:3,0", "burst:1.5,1", "concurrency:0", "concurrency:2,", "listed",  "ALL",
      "rate: 1"};
  for (size_t i = 0; i < COUNT_OF(wrong); i++) {
    Error error = {0};
    Arrivals arrivals;
    if (arrivals_parse(wrong[i], false, &arrivals, &error)) fail_msg("\"%s\" is read", wrong[i]);
    assert_int_equal(error.code, ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "poisson:R"));
  }
}

// A text's ids are its bytes; a length's count down.
static bool of_text(void *context, const char *text, size_t size, TokenIds *ids, Error *error) {
  (void)context, (void)error;
  for (size_t i = 0; i < size; i++) ARRAY_APPEND(ids, (unsigned char)text[i]);
  return true;
}

static bool of_length(void *context, int64_t length, TokenIds *ids, Error *error) {
  (void)context, (void)error;
  for (int64_t i = length; i > 0; i--) ARRAY_APPEND(ids, (int32_t)i);
  return true;
}

static const LoadPrompts prompts = {of_text, of_length, NULL};

static bool parse(const char *text, Arena *arena, LoadPlan *plan, Error *error) {
  *plan = load_plan_standard();
  return load_file_parse(text, strlen(text), "load.jsonl", &prompts, arena, plan, error);
}

static void test_file(void **state) {
  (void)state;
  Error error;
  LoadPlan plan, again;
  Arena *arena = arena_open(0);
  must(parse("{\"prompt\": \"ab\", \"max_new_tokens\": 5, \"arrival_s\": 1.5}\n\n \t\r\n"
             "{\"ids\": [7, 8, 9]}\n{\"prompt_tokens\": 2, \"max_new_tokens\": 1}",
             arena, &plan, &error),
       &error);
  json_t *json = load_plan_json(&plan);
  Field field = field_root(json, "plan");
  must(load_plan_read(&field, arena, &again, &error), &error);
  const LoadPlan *plans[] = {&plan, &again};
  for (int i = 0; i < 2; i++) {
    const LoadRequest *requests = plans[i]->requests;
    assert_int_equal(plans[i]->count, 3);
    assert_int_equal(plans[i]->arrivals.kind, ARRIVALS_LISTED);
    assert_memory_equal(requests[0].ids, ((int32_t[]){'a', 'b'}), 8);
    assert_memory_equal(requests[1].ids, ((int32_t[]){7, 8, 9}), 12);
    assert_memory_equal(requests[2].ids, ((int32_t[]){2, 1}), 8);
    assert_int_equal(requests[0].max_new_tokens, 5);
    assert_int_equal(requests[1].max_new_tokens, 0);
    assert_true(requests[0].arrival == 1.5 && requests[1].arrival == 0);
    assert_true(requests[0].length == 2 && requests[1].length == 3 && requests[2].length == 2);
  }
  json_decref(json);
  arena_close(arena);
}

static void test_file_refused(void **state) {
  (void)state;
  static const struct {
    const char *text, *where, *message;
  } wrong[] = {
      {"", "load.jsonl", "no request"},
      {"{\"ids\": [1]}\n{}", "load.jsonl line 2", "one of prompt"},
      {"{\"ids\": [1], \"prompt\": \"a\"}", "line 1", "one of prompt"},
      {"[1]", "line 1", "object"},
      {"{\"ids\": [1], \"color\": 1}", "line 1", "color"},
      {"{\"ids\": [1.5]}", "ids", "no token id"},
      {"{\"prompt\": 3}", "prompt", "a string"},
      {"{\"prompt_tokens\": 0}", "prompt_tokens", "1"},
      {"{\"ids\": [1], \"max_new_tokens\": 0}", "max_new_tokens", "1"},
      {"{\"ids\": [1], \"arrival_s\": -1}", "arrival_s", "0"},
      {"{\"ids\": [1]", "line 1", ""},
  };
  for (size_t i = 0; i < COUNT_OF(wrong); i++) {
    Error error = {0};
    LoadPlan plan;
    Arena *arena = arena_open(0);
    if (parse(wrong[i].text, arena, &plan, &error)) fail_msg("%s is read", wrong[i].text);
    char text[sizeof(Error)];
    error_text(&error, text, sizeof text);
    if (!strstr(text, wrong[i].where) || !strstr(text, wrong[i].message))
      fail_msg("%s: %s", wrong[i].text, text);
    arena_close(arena);
  }
}

typedef struct {
  int32_t ids[REQUESTS][PROMPT];
  LoadRequest requests[REQUESTS];
  LoadPlan plan;
} Bench;

static void make_bench(Bench *bench, Random *random, const char *arrivals) {
  Error error;
  int64_t vocabulary = model_config(model)->vocabulary;
  bench->plan = load_plan_standard();
  bench->plan.block_size = 4;
  bench->plan.token_budget = 9;
  bench->plan.max_sequences = 3;
  bench->plan.requests = bench->requests;
  bench->plan.count = REQUESTS;
  must(arrivals_parse(arrivals, true, &bench->plan.arrivals, &error), &error);
  for (int i = 0; i < REQUESTS; i++) {
    for (int k = 0; k < PROMPT; k++)
      bench->ids[i][k] = (int32_t)random_below(random, (uint64_t)vocabulary);
    bench->requests[i] = (LoadRequest){bench->ids[i], 1 + (int64_t)random_below(random, PROMPT),
                                       1 + (int64_t)random_below(random, NEW),
                                       (double)random_below(random, 5) * 1e-3};
  }
}

static double real_at(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  assert_true(json_is_number(value));
  return json_number_value(value);
}

// What a request of the report says, against generation alone and against itself.
static void check_request(const json_t *json, const LoadRequest *request, Generator *alone) {
  Error error;
  int32_t expected[NEW];
  int64_t count;
  GenerationRequest generation = {.batch = 1,
                                  .prompt_length = request->length,
                                  .new_tokens = request->max_new_tokens,
                                  .prompts = request->ids,
                                  .sampling = sampling_greedy()};
  GenerationResult result = {.ids = expected, .counts = &count};
  must(generation_run(alone, &generation, &result, &error), &error);
  json_t *ids = json_object_get(json, "ids"), *gaps = json_object_get(json, "itl_s");
  assert_int_equal(json_array_size(ids), request->max_new_tokens);
  assert_int_equal(json_array_size(gaps), request->max_new_tokens - 1);
  double sum = real_at(json, "ttft_s");
  for (int64_t k = 0; k < request->max_new_tokens; k++) {
    assert_int_equal(json_integer_value(json_array_get(ids, (size_t)k)), expected[k]);
    if (k > 0) sum += json_real_value(json_array_get(gaps, (size_t)k - 1));
  }
  assert_true(fabs(sum - real_at(json, "e2e_s")) < 1e-9);
  assert_true(real_at(json, "queue_s") >= 0);
  assert_true(real_at(json, "ttft_s") > real_at(json, "queue_s"));
}

static void run_bench(const char *arrivals, Generator *alone) {
  Error error;
  Bench bench;
  Random random = random_seeded(fresh_seed());
  make_bench(&bench, &random, arrivals);
  bench.requests[4].length = 0; // refused by itself
  GeneratorOptions options = {
      .attention = "sdpa", .cache_dtype = DTYPE_F32, .max_batch = 1, .max_tokens = PROMPT + NEW};
  EngineSetup engine_options = {&options, &bench.plan, PROMPT + NEW, 0};
  Engine *engine = engine_open(model, team, tier, &engine_options, &error);
  must(engine, &error);
  GenerationRequest standard = {
      .batch = 1, .prompt_length = 1, .new_tokens = NEW, .prompts = bench.ids[0]};
  json_t *json = engine_load(engine, &standard, &error);
  must(json, &error);
  json_t *requests = json_object_get(json, "requests"), *load = json_object_get(json, "batching");
  assert_int_equal(json_array_size(requests), REQUESTS);
  for (size_t i = 0; i < REQUESTS; i++) {
    const json_t *one = json_array_get(requests, i);
    if (i == 4)
      assert_non_null(json_object_get(one, "refused"));
    else
      check_request(one, &bench.requests[i], alone);
    bool listed = bench.plan.arrivals.kind == ARRIVALS_LISTED;
    if (listed && i != 4)
      assert_true(fabs(real_at(one, "arrival_s") - bench.requests[i].arrival) < 1e-9);
  }
  assert_int_equal(json_integer_value(json_object_get(load, "refused")), 1);
  const json_t *engine_facts = json_object_get(load, "engine");
  assert_true(real_at(engine_facts, "most_running") <= 3);
  assert_true(real_at(engine_facts, "batch_occupancy") <= 1);
  assert_true(real_at(engine_facts, "cache_occupancy") <= 1);
  json_decref(json);
  engine_close(engine);
}

static void test_loads(void **state) {
  (void)state;
  Error error;
  GeneratorOptions options = {
      .attention = "eager", .cache_dtype = DTYPE_F32, .max_batch = 1, .max_tokens = PROMPT + NEW};
  Generator *alone = generator_open(model, team, tier, &options, &error);
  must(alone, &error);
  static const char *const arrivals[] = {"all",           "rate:2000",     "poisson:3000",
                                         "burst:3,0.001", "concurrency:2", "listed"};
  for (size_t i = 0; i < COUNT_OF(arrivals); i++) run_bench(arrivals[i], alone);
  generator_close(alone);
}

// From times that are given.
static void test_report(void **state) {
  (void)state;
  enum { COUNT = 3 };
  int32_t ids[COUNT][2] = {{1, 2}, {3, 4}, {5, 6}};
  int64_t times[COUNT][2] = {{1000000000, 1500000000}, {2000000000, 2100000000}, {0, 0}};
  LoadPlan plan = load_plan_standard();
  plan.ttft_bound = 1.2;
  plan.itl_bound = 0.3;
  LoadResult results[COUNT] = {
      {.ids = ids[0], .times = times[0], .made = 2, .arrival = 0, .started = 250000000},
      {.ids = ids[1], .times = times[1], .made = 2, .arrival = 1000000000, .started = 1000000000},
      {.ids = ids[2], .times = times[2], .refused = true}};
  error_set(&results[2].refusal, ERROR_ARGUMENT, "tokens", "too many");
  LoadFacts facts = {.end = 4000000000};
  json_t *load = load_report_json(&plan, results, COUNT, &facts);
  json_t *requests = load_requests_json(results, COUNT);
  assert_true(real_at(load, "throughput") == 1.0);
  assert_true(real_at(json_object_get(load, "ttft_s"), "p50") == 1.0);
  assert_true(real_at(json_object_get(load, "queue_s"), "max") == 0.25);
  // The first waits too long between its tokens, the third was refused.
  const json_t *goodput = json_object_get(load, "goodput");
  assert_int_equal(json_integer_value(json_object_get(goodput, "requests")), 1);
  assert_true(real_at(goodput, "requests_per_s") == 0.25);
  const json_t *first = json_array_get(requests, 0);
  assert_true(real_at(first, "e2e_s") == 1.5 && real_at(first, "ttft_s") == 1.0);
  assert_non_null(strstr(json_string_value(json_object_get(json_array_get(requests, 2), "refused")),
                         "too many"));
  json_decref(load);
  json_decref(requests);
}

int main(void) {
  Error error;
  tier = cpu_best_tier();
  ModelOptions options = {
      .path = "preset:tiny", .dtype = DTYPE_F32, .rounding = DTYPE_F32, .seed = 1};
  if (!(team = team_open(2, false, &error))) return 1;
  if (!(model = model_open(&options, team, tier, &error))) return 1;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_arrivals), cmocka_unit_test(test_arrivals_refused),
      cmocka_unit_test(test_file),     cmocka_unit_test(test_file_refused),
      cmocka_unit_test(test_loads),    cmocka_unit_test(test_report),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  model_close(model);
  team_close(team);
  return failed;
}
