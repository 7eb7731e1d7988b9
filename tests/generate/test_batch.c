// SPDX-License-Identifier: Apache-2.0
// Continuous batching gives every request what it would get alone, to the last bit of its logits,
// whatever runs beside it: random schedules of submissions, budgets, blocks, preemptions and
// cancellations, with the blocks checked after every step. ATTOMETER_SCHEDULES: how many schedules.
#include "../kernels/guarded.h"
#include "compile/toolchain.h"
#include "generate/continuous_batch.h"
#include "golden.h"
#include <malloc.h>

enum {
  PROMPT = 40,
  NEW = 16,
  CONTEXT = 20,
  CONTEXTS = 3,
  TOKENS = CONTEXT + PROMPT + NEW,
  REQUESTS = 10,
  SCHEDULES = 300
};

static Team *team;
static CpuTier tier;

// The implementations of attention that serve pages, with the back ends of sdpa.
static const struct {
  const char *name, *backend;
} attentions[] = {{"eager", NULL},
                  {"sdpa", NULL},
                  {"sdpa", "math"},
                  {"sdpa", "efficient"},
                  {"flash_attention_2", NULL},
                  {"flex_attention", NULL},
                  {"paged|sdpa", NULL}};
enum { ATTENTIONS = COUNT_OF(attentions) };

// What is served, and the same model by itself, opened when it is first asked for.
static struct {
  const char *name;
  Dtype dtype;
  Model *model;
  Generator *alone[ATTENTIONS][2][2]; // [attention][kernelize][compiled]
} subjects[] = {
    {.name = "mistral-window", .dtype = DTYPE_F32}, {.name = "smollm3", .dtype = DTYPE_F32},
    {.name = "gpt2", .dtype = DTYPE_F32},           {.name = "mistral-window", .dtype = DTYPE_BF16},
    {.name = "smollm3", .dtype = DTYPE_BF16},       {.name = "gpt2", .dtype = DTYPE_BF16}};

static void must(bool done, const Error *error) {
  if (!done) fail_msg("%s: %s", error->where, error->message);
}

// What requests stand behind, in turn; count 1 and length 0: nothing.
typedef struct {
  int64_t count, length;
  int32_t ids[CONTEXTS * CONTEXT];
} Contexts;

static const Contexts no_contexts = {.count = 1};

// One request, what it was given and what it got.
typedef struct {
  const int32_t *context; // [context_length]
  int64_t context_length;
  Sequence *sequence; // NULL: it waits to be submitted, or has ended
  BatchRequest request;
  int32_t prompt[PROMPT], ids[NEW], expected[NEW];
  int64_t made, stop_after;
  bool submitted, ended, cancelled;
  BatchEnd end;
} Client;

static bool hear_token(void *context, int32_t id) {
  Client *client = context;
  assert_true(client->made < client->request.max_new_tokens);
  client->ids[client->made++] = id;
  return client->made != client->stop_after;
}

static void hear_end(void *context, BatchEnd end, int64_t preemptions) {
  Client *client = context;
  assert_false(client->ended);
  assert_true(preemptions >= 0);
  client->sequence = NULL;
  client->ended = true;
  client->end = end;
}

static const BatchListener listener = {.token = hear_token, .ended = hear_end};

static const char *inner_name(const char *attention) {
  const char *bar = strchr(attention, '|');
  return bar ? bar + 1 : attention;
}

// The generator that runs a subject as a batch of these options does.
static Generator *alone_of(uint64_t which, const BatchOptions *options) {
  size_t i = 0;
  while (strcmp(options->attention, attentions[i].name) != 0 ||
         options->sdpa_backend != attentions[i].backend)
    i++;
  Generator **alone = &subjects[which].alone[i][options->kernelize][options->compile != NULL];
  if (*alone) return *alone;
  Error error;
  GeneratorOptions generator = {.attention = inner_name(options->attention),
                                .sdpa_backend = options->sdpa_backend,
                                .cache_dtype = options->cache_dtype,
                                .kernelize = options->kernelize,
                                .compile = options->compile,
                                .max_batch = 1,
                                .max_tokens = TOKENS};
  *alone = generator_open(subjects[which].model, team, tier, &generator, &error);
  must(*alone, &error);
  return *alone;
}

static int64_t between(Random *random, int64_t least, int64_t most) {
  return least + (int64_t)random_below(random, (uint64_t)(most - least + 1));
}

// Beginnings are drawn from a few, so that some are shared.
static void draw_client(Client *client, Random *random, int64_t vocabulary, uint64_t seed) {
  uint64_t family = random_below(random, 2);
  int64_t common = between(random, 0, PROMPT), length = between(random, 1, PROMPT);
  *client = (Client){.stop_after = random_below(random, 6) ? 0 : between(random, 1, NEW)};
  for (int64_t i = 0; i < length; i++)
    client->prompt[i] =
        (int32_t)((i < common ? random_at(seed + family, (uint64_t)i) : random_next(random)) %
                  (uint64_t)vocabulary);
  client->request = (BatchRequest){.prompt = client->prompt,
                                   .prompt_length = length,
                                   .max_new_tokens = between(random, 1, NEW),
                                   .sampling = sampling_greedy(),
                                   .listener = &listener,
                                   .context = client};
  if (random_below(random, 4) == 0)
    client->request.sampling = (Sampling){.sample = true,
                                          .temperature = 1.5,
                                          .top_k = 20,
                                          .top_p = 0.95,
                                          .seed = random_next(random)};
}

// The next runs of the generator stand behind the client's context.
static void set_context(Generator *generator, const Client *client) {
  Error error;
  must(generation_set_context(generator, client->context, 1, client->context_length, &error),
       &error);
}

// `which` of those that are submitted.
static void expect(Client *client, Generator *generator, const Contexts *contexts, int64_t which) {
  Error error;
  int64_t count;
  GenerationRequest request = {.batch = 1,
                               .prompt_length = client->request.prompt_length,
                               .new_tokens = client->request.max_new_tokens,
                               .prompts = client->prompt,
                               .sampling = client->request.sampling};
  GenerationResult result = {.ids = client->expected, .counts = &count};
  client->context = contexts->ids + which % contexts->count * contexts->length;
  client->context_length = contexts->length;
  set_context(generator, client);
  must(generation_run(generator, &request, &result, &error), &error);
}

// Sums of the reference tier are rounded once for each run of blocks, which differ: there, and only
// there, two ids that are equally likely but for that may change places. Draws turn on less.
static bool near_tie(const Client *client, Generator *alone, int64_t vocabulary, int64_t step) {
  Error error;
  int32_t ids[TOKENS];
  int64_t length = client->request.prompt_length;
  if (tier != CPU_TIER_REFERENCE) return false;
  if (client->request.sampling.sample) return true;
  float *logits = malloc((size_t)vocabulary * sizeof *logits), most = 0;
  memcpy(ids, client->prompt, (size_t)length * sizeof *ids);
  memcpy(ids + length, client->ids, (size_t)step * sizeof *ids);
  set_context(alone, client);
  must(generation_logits(alone, ids, length + step, 1, 0, logits, &error), &error);
  for (int64_t i = 0; i < vocabulary; i++) most = fmaxf(most, fabsf(logits[i]));
  float gap = fabsf(logits[client->ids[step]] - logits[client->expected[step]]);
  free(logits);
  return gap <= 1e-4f * most;
}

static void check_client(const Client *client, Generator *alone, int64_t vocabulary) {
  assert_true(client->ended);
  int64_t wanted = client->request.max_new_tokens;
  bool stops = client->stop_after > 0 && client->stop_after <= wanted;
  if (stops) wanted = client->stop_after;
  if (client->end == BATCH_CANCELLED)
    assert_true(client->cancelled);
  else
    assert_int_equal(client->made, wanted);
  if (client->end == BATCH_STOP) assert_true(stops);
  for (int64_t i = 0; i < client->made; i++) {
    if (client->ids[i] == client->expected[i]) continue;
    if (near_tie(client, alone, vocabulary, i)) return; // from there on the texts differ
    fail_msg("token %lld is %d, alone it is %d", (long long)i, client->ids[i], client->expected[i]);
  }
}

static BatchOptions draw_options(Random *random) {
  static const int64_t sizes[] = {1, 2, 3, 8, 16, 64};
  uint64_t attention = random_below(random, ATTENTIONS);
  BatchOptions options = {.attention = attentions[attention].name,
                          .sdpa_backend = attentions[attention].backend,
                          .cache_dtype = DTYPE_F32,
                          .kernelize = random_below(random, 2),
                          .max_sequences = between(random, 1, REQUESTS),
                          .max_tokens = TOKENS,
                          .token_budget = between(random, 1, 2 * PROMPT),
                          .block_size = sizes[random_below(random, COUNT_OF(sizes))],
                          .scheduler = random_below(random, 2) ? "fifo" : "prefill_first",
                          .share_prefixes = random_below(random, 2)};
  int64_t least = (TOKENS + options.block_size - 1) / options.block_size;
  options.blocks = between(random, least, 3 * least);
  return options;
}

// Now and then some, with blocks for them.
static Contexts draw_contexts(Random *random, int64_t vocabulary, BatchOptions *options) {
  Contexts contexts = no_contexts;
  if (random_below(random, 2)) return contexts;
  contexts.count = between(random, 1, CONTEXTS);
  contexts.length = between(random, 1, CONTEXT);
  for (int i = 0; i < CONTEXTS * CONTEXT; i++)
    contexts.ids[i] = (int32_t)random_below(random, (uint64_t)vocabulary);
  int64_t size = options->block_size;
  options->blocks += contexts.count * ((contexts.length + size - 1) / size);
  return contexts;
}

// Submits, cancels and steps at random until all have ended; blocks are then held as before.
static int64_t run_schedule(Batch *batch, Client *clients, int64_t count, Random *random) {
  Error error;
  int64_t held = batch_blocks_held(batch);
  int64_t submitted = 0, idle = 0;
  while (submitted < count || batch_waiting(batch) + batch_running(batch) > 0) {
    while (submitted < count && random_below(random, 2)) {
      Client *client = &clients[submitted++];
      client->sequence = batch_submit(batch, &client->request, &error);
      must(client->sequence, &error);
    }
    Client *victim = &clients[random_below(random, (uint64_t)count)];
    if (victim->sequence && random_below(random, 25) == 0) {
      victim->cancelled = true;
      batch_cancel(batch, victim->sequence);
      must(batch_check(batch, &error), &error);
    }
    bool work = batch_waiting(batch) + batch_running(batch) > 0;
    must(batch_step(batch, &error), &error);
    must(batch_check(batch, &error), &error);
    idle = work && batch_last_step(batch).rows == 0 ? idle + 1 : 0;
    assert_int_equal(idle, 0);
  }
  assert_int_equal(batch_blocks_held(batch), held);
  return batch_facts(batch).preemptions;
}

static int64_t one_schedule(Random *random, const StepOptions *compile) {
  Error error;
  uint64_t which = random_below(random, COUNT_OF(subjects)), seed = random_next(random);
  int64_t vocabulary = model_config(subjects[which].model)->vocabulary,
          count = between(random, 1, REQUESTS);
  BatchOptions options = draw_options(random);
  options.compile = compile;
  Contexts contexts = draw_contexts(random, vocabulary, &options);
  Batch *batch = batch_open(subjects[which].model, team, tier, &options, &error);
  must(batch, &error);
  must(batch_set_context(batch, contexts.ids, contexts.count, contexts.length, &error), &error);
  must(batch_check(batch, &error), &error);
  Client *clients = malloc(REQUESTS * sizeof *clients);
  for (int64_t i = 0; i < count; i++) {
    draw_client(&clients[i], random, vocabulary, seed);
    expect(&clients[i], alone_of(which, &options), &contexts, i);
  }
  int64_t preemptions = run_schedule(batch, clients, count, random);
  for (int64_t i = 0; i < count; i++)
    check_client(&clients[i], alone_of(which, &options), vocabulary);
  free(clients);
  batch_close(batch);
  return preemptions;
}

static int64_t schedules(void) {
  const char *text = getenv("ATTOMETER_SCHEDULES");
  return text ? atoll(text) : SCHEDULES;
}

static void test_equals_alone(void **state) {
  (void)state;
  int64_t preemptions = 0;
  Random random = random_seeded(fresh_seed());
  for (int64_t i = 0; i < schedules(); i++) preemptions += one_schedule(&random, NULL);
  if (schedules() >= SCHEDULES) assert_true(preemptions > 0);
}

// Padded to a few sizes that were prepared; none is compiled again, nor anew.
static void test_compiled_equals_alone(void **state) {
  (void)state;
  Error error;
  if (!toolchain_exists(&error)) skip();
  StepOptions compile = step_options("default");
  Random random = random_seeded(fresh_seed());
  BatchOptions options = draw_options(&random);
  options.compile = &compile;
  options.max_sequences = 6;
  options.token_budget = 8;
  Batch *batch = batch_open(subjects[0].model, team, tier, &options, &error);
  must(batch, &error);
  int64_t vocabulary = model_config(subjects[0].model)->vocabulary;
  must(batch_prepare(batch, &error), &error);
  int programs = batch_step_facts(batch).programs;
  for (int round = 0; round < 3; round++) {
    Client *clients = malloc(REQUESTS * sizeof *clients);
    for (int64_t i = 0; i < REQUESTS; i++) {
      draw_client(&clients[i], &random, vocabulary, 1);
      clients[i].request.sampling = sampling_greedy();
      expect(&clients[i], alone_of(0, &options), &no_contexts, i);
    }
    run_schedule(batch, clients, REQUESTS, &random);
    for (int64_t i = 0; i < REQUESTS; i++)
      check_client(&clients[i], alone_of(0, &options), vocabulary);
    free(clients);
  }
  assert_int_equal(batch_step_facts(batch).recompiles, 0);
  assert_int_equal(batch_step_facts(batch).programs, programs);
  batch_close(batch);
}

static BatchOptions plain_options(void) {
  return (BatchOptions){.attention = "flash_attention_2",
                        .cache_dtype = DTYPE_F32,
                        .max_sequences = 8,
                        .max_tokens = TOKENS,
                        .token_budget = 24,
                        .blocks = 40,
                        .block_size = 8,
                        .scheduler = "fifo"};
}

static Batch *open_batch(const BatchOptions *options) {
  Error error;
  Batch *batch = batch_open(subjects[0].model, team, tier, options, &error);
  must(batch, &error);
  return batch;
}

static void test_logits(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  int64_t vocabulary = model_config(subjects[0].model)->vocabulary;
  float *expected = malloc((size_t)(TOKENS * vocabulary) * sizeof(float));
  float *found = malloc((size_t)(TOKENS * vocabulary) * sizeof(float));
  double *wide = malloc((size_t)(TOKENS * vocabulary) * sizeof(double));
  for (int round = 0; round < 40; round++) {
    Error error;
    int32_t ids[TOKENS];
    BatchOptions options = draw_options(&random);
    Contexts contexts = draw_contexts(&random, vocabulary, &options);
    Batch *batch = open_batch(&options);
    Generator *alone = alone_of(0, &options);
    must(batch_set_context(batch, contexts.ids, contexts.count, contexts.length, &error), &error);
    must(generation_set_context(alone, contexts.ids, 1, contexts.length, &error), &error);
    for (int i = 0; i < TOKENS; i++) ids[i] = (int32_t)random_below(&random, (uint64_t)vocabulary);
    int64_t length = between(&random, 1, TOKENS - CONTEXT), positions = between(&random, 1, length);
    int64_t stepwise = between(&random, 0, length);
    must(batch_logits(batch, ids, length, positions, stepwise, found, &error), &error);
    must(generation_logits(alone, ids, length, positions, between(&random, 0, length), expected,
                           &error),
         &error);
    for (int64_t i = 0; i < positions * vocabulary; i++) wide[i] = (double)expected[i];
    assert_close(positions * vocabulary, found, wide, 1e-5, options.attention);
    if (tier != CPU_TIER_REFERENCE)
      assert_memory_equal(found, expected, (size_t)(positions * vocabulary) * sizeof *found);
    must(batch_check(batch, &error), &error);
    batch_close(batch);
  }
  free(expected), free(found), free(wide);
}

static void refuse(Batch *batch, BatchRequest request, const char *words) {
  Error error = {0};
  assert_null(batch_submit(batch, &request, &error));
  assert_int_equal(error.code, ERROR_ARGUMENT);
  if (!strstr(error.message, words)) fail_msg("%s: no \"%s\"", error.message, words);
}

// A request that cannot be served is refused by itself; the others run.
static void test_refusals(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  Client client;
  draw_client(&client, &random, model_config(subjects[0].model)->vocabulary, 1);
  client.request.sampling = sampling_greedy();
  if (client.request.prompt_length > PROMPT / 2) client.request.prompt_length = PROMPT / 2;
  client.stop_after = 0;
  BatchOptions options = plain_options();
  options.blocks = 6; // 48 tokens
  options.token_budget = 3;
  Batch *batch = open_batch(&options);
  BatchRequest request = client.request;
  Error error;
  client.sequence = batch_submit(batch, &client.request, &error);
  must(client.sequence, &error);
  request.max_new_tokens = 0;
  refuse(batch, request, "at least 1");
  request.max_new_tokens = INT64_MAX;
  refuse(batch, request, "at most 76");
  request.max_new_tokens = 49 - request.prompt_length;
  refuse(batch, request, "6 blocks of 8");
  request.max_new_tokens = 1;
  request.sampling = (Sampling){.sample = true, .temperature = -1.0, .top_p = 1.0};
  refuse(batch, request, "more than 0");
  request.sampling = sampling_greedy();
  client.prompt[request.prompt_length - 1] = -1;
  refuse(batch, request, "id -1");
  // A budget smaller than a block is served.
  while (batch_waiting(batch) + batch_running(batch) > 0) must(batch_step(batch, &error), &error);
  assert_int_equal(client.made, client.request.max_new_tokens);
  batch_close(batch);
  options.scheduler = "lifo";
  assert_null(batch_open(subjects[0].model, team, tier, &options, &error));
  assert_non_null(strstr(error.message, "fifo or prefill_first"));
  options = plain_options();
  options.block_size = 0;
  assert_null(batch_open(subjects[0].model, team, tier, &options, &error));
  assert_string_equal(error.where, "block size");
}

static void run_round(Batch *batch, Client *clients, uint64_t *allocations) {
  Error error;
  for (int i = 0; i < REQUESTS; i++) {
    clients[i].made = 0;
    clients[i].ended = false;
    clients[i].sequence = batch_submit(batch, &clients[i].request, &error);
    must(clients[i].sequence, &error);
  }
  uint64_t before = memory_allocation_count();
  while (batch_waiting(batch) + batch_running(batch) > 0) must(batch_step(batch, &error), &error);
  *allocations = memory_allocation_count() - before;
}

// Nothing is allocated while steps of known sizes are taken.
static void test_no_allocation(void **state) {
  (void)state;
  static const char *const names[] = {"eager", "sdpa", "flash_attention_2", "flex_attention"};
  Error error;
  Random random = random_seeded(fresh_seed());
  Client clients[REQUESTS];
  for (int i = 0; i < REQUESTS; i++)
    draw_client(&clients[i], &random, model_config(subjects[0].model)->vocabulary, 1);
  for (size_t i = 0; i < COUNT_OF(names); i++) {
    BatchOptions options = plain_options();
    StepOptions compile = step_options("default");
    uint64_t allocations;
    options.attention = names[i];
    options.compile = i % 2 == 0 && toolchain_exists(&error) ? &compile : NULL;
    Batch *batch = open_batch(&options);
    run_round(batch, clients, &allocations);
    run_round(batch, clients, &allocations);
    assert_int_equal(allocations, 0);
    batch_close(batch);
  }
}

// Thousands of requests come and go, many of them cancelled, and nothing is left of them.
static void test_endurance(void **state) {
  (void)state;
  enum { ALL = 10000, WARM = 500, CLIENTS = 32, SLACK = 1 << 16 };
  Error error;
  Random random = random_seeded(fresh_seed());
  BatchOptions options = plain_options();
  options.share_prefixes = true;
  options.blocks = 14;
  Batch *batch = open_batch(&options);
  Client clients[CLIENTS] = {0};
  int64_t vocabulary = model_config(subjects[0].model)->vocabulary, all = 10 * schedules(),
          done = 0;
  size_t held = 0;
  bool weighed = false;
  for (int64_t i = 0; i < CLIENTS; i++) clients[i].ended = true;
  if (all < ALL) all = ALL;
  while (done < all || batch_waiting(batch) + batch_running(batch) > 0) {
    Client *client = &clients[random_below(&random, CLIENTS)];
    // The heap is looked at when nothing runs.
    bool idle = batch_waiting(batch) + batch_running(batch) == 0;
    if (idle && done >= WARM && !weighed) {
      held = mallinfo2().uordblks;
      weighed = true;
    }
    bool submits = client->ended && done < all && (done < WARM || weighed);
    if (submits) {
      draw_client(client, &random, vocabulary, 1);
      client->sequence = batch_submit(batch, &client->request, &error);
      must(client->sequence, &error);
      done++;
    } else if (client->sequence && random_below(&random, 12) == 0) {
      client->cancelled = true;
      batch_cancel(batch, client->sequence);
    }
    if (random_below(&random, 4)) continue;
    must(batch_step(batch, &error), &error);
    must(batch_check(batch, &error), &error);
  }
  // What the heap keeps at hand counts as held.
  assert_true(mallinfo2().uordblks < held + SLACK);
  assert_int_equal(batch_blocks_held(batch), 0);
  assert_true(batch_facts(batch).preemptions > 0 && batch_facts(batch).shared > 0);
  batch_close(batch);
}

int main(void) {
  Error error;
  tier = cpu_best_tier();
  if (!(team = team_open(2, false, &error))) return 1;
  for (size_t i = 0; i < COUNT_OF(subjects); i++) {
    char *path = path_join(GOLDEN_MODELS, subjects[i].name);
    ModelOptions options = {.path = path, .dtype = subjects[i].dtype, .rounding = DTYPE_F32};
    if (!(subjects[i].model = model_open(&options, team, tier, &error))) return 1;
    memory_free(path);
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_equals_alone),  cmocka_unit_test(test_compiled_equals_alone),
      cmocka_unit_test(test_logits),        cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_no_allocation), cmocka_unit_test(test_endurance),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  for (size_t i = 0; i < COUNT_OF(subjects); i++) {
    for (size_t j = 0; j < sizeof subjects[i].alone / sizeof(Generator *); j++)
      generator_close((&subjects[i].alone[0][0][0])[j]);
    model_close(subjects[i].model);
  }
  team_close(team);
  return failed;
}
