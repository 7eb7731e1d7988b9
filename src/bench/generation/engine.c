// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/engine.h"
#include "base/memory.h"
#include "bench/generation/load_report.h"
#include <stdlib.h>

struct Engine {
  Generator *generator; // or
  Batch *batch;
  LoadPlan plan; // blocks, sequences settled
  // Of the last run of equal prompts, for [equal_count].
  LoadRequest *equal;
  LoadResult *results;
  int64_t *arrivals;
  int64_t equal_count;
};

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b) {
  return a > b ? a : b;
}

// The longest request that is served; longer ones are refused by themselves.
static int64_t longest_of(const EngineSetup *options) {
  int64_t most = options->generator->max_tokens;
  const LoadPlan *plan = options->load;
  for (int64_t i = 0; plan->requests && i < plan->count; i++) {
    int64_t tokens;
    if (__builtin_add_overflow(plan->requests[i].length, plan->requests[i].max_new_tokens,
                               &tokens) ||
        __builtin_add_overflow(tokens, options->depth, &tokens))
      tokens = INT64_MAX;
    most = larger(most, smaller(tokens, options->position_limit));
  }
  return most;
}

// How many can run at once; blocks for all of them, what the scheduler wants free beside, and the
// contexts.
static void settle(LoadPlan *plan, const EngineSetup *options, int64_t longest) {
  int64_t most = larger(options->generator->max_batch, plan->count);
  if (plan->arrivals.kind == ARRIVALS_CONCURRENCY)
    most = larger(options->generator->max_batch, plan->arrivals.number);
  plan->max_sequences = smaller(plan->max_sequences, most);
  int64_t size = plan->block_size, context = (options->depth + size - 1) / size;
  int64_t each = (longest + size - 1) / size - options->depth / size;
  if (plan->blocks == 0)
    plan->blocks =
        options->generator->max_batch * context + (plan->max_sequences * each * 5 + 3) / 4 + 1;
}

static bool open_batch(Engine *engine, const Model *model, Team *team, CpuTier tier,
                       const EngineSetup *options, Error *error) {
  const GeneratorOptions *generator = options->generator;
  LoadPlan *plan = &engine->plan;
  int64_t longest = longest_of(options);
  *plan = *options->load;
  settle(plan, options, longest);
  BatchOptions batch = {.attention = generator->attention,
                        .sdpa_backend = generator->sdpa_backend,
                        .cache_dtype = generator->cache_dtype,
                        .kernelize = generator->kernelize,
                        .compile = generator->compile,
                        .max_sequences = plan->max_sequences,
                        .max_tokens = longest,
                        .token_budget = plan->token_budget,
                        .blocks = plan->blocks,
                        .block_size = plan->block_size,
                        .scheduler = plan->scheduler,
                        .share_prefixes = plan->share_prefixes};
  engine->batch = batch_open(model, team, tier, &batch, error);
  return engine->batch != NULL;
}

Engine *engine_open(const Model *model, Team *team, CpuTier tier, const EngineSetup *options,
                    Error *error) {
  Engine *engine = memory_allocate(sizeof *engine);
  bool done;
  if (options->load) {
    done = open_batch(engine, model, team, tier, options, error);
  } else {
    engine->generator = generator_open(model, team, tier, options->generator, error);
    done = engine->generator != NULL;
  }
  if (done) return engine;
  engine_close(engine);
  return NULL;
}

bool engine_prepare(Engine *engine, Error *error) {
  return engine->generator || batch_prepare(engine->batch, error);
}

static void free_equal(Engine *engine) {
  memory_free(engine->equal);
  memory_free(engine->results);
  memory_free(engine->arrivals);
}

void engine_close(Engine *engine) {
  if (!engine) return;
  generator_close(engine->generator);
  batch_close(engine->batch);
  free_equal(engine);
  memory_free(engine);
}

// Room for `count` requests, kept from run to run.
static void make_room(Engine *engine, int64_t count) {
  if (engine->equal_count >= count) return;
  free_equal(engine);
  engine->equal = memory_allocate((size_t)count * sizeof(LoadRequest));
  engine->results = memory_allocate((size_t)count * sizeof(LoadResult));
  engine->arrivals = memory_allocate((size_t)count * sizeof(int64_t));
  engine->equal_count = count;
}

static bool all_made(const LoadResult *results, const GenerationRequest *request, Error *error) {
  for (int64_t i = 0; i < request->batch; i++)
    if (results[i].refused) {
      *error = results[i].refusal;
      return false;
    }
  return true;
}

static bool run_batch(Engine *engine, const GenerationRequest *request, GenerationResult *result,
                      Error *error) {
  static const Arrivals all = {.kind = ARRIVALS_ALL};
  LoadFacts facts;
  make_room(engine, request->batch);
  for (int64_t i = 0; i < request->batch; i++) {
    engine->equal[i] = (LoadRequest){.ids = request->prompts + i * request->prompt_length,
                                     .length = request->prompt_length,
                                     .max_new_tokens = request->new_tokens};
    engine->results[i] = (LoadResult){.ids = result->ids + i * request->new_tokens,
                                      .times = result->times + i * request->new_tokens};
    engine->arrivals[i] = 0;
  }
  if (!load_run(engine->batch, &all, engine->equal, engine->arrivals, request->batch,
                engine->results, &facts, error))
    return false;
  for (int64_t i = 0; i < request->batch; i++) result->counts[i] = engine->results[i].made;
  result->end = facts.end;
  return all_made(engine->results, request, error);
}

bool engine_run(Engine *engine, const GenerationRequest *request, GenerationResult *result,
                Error *error) {
  if (engine->generator) return generation_run(engine->generator, request, result, error);
  return run_batch(engine, request, result, error);
}

bool engine_logits(Engine *engine, const int32_t *ids, int64_t length, int64_t positions,
                   int64_t stepwise, float *logits, Error *error) {
  if (engine->generator)
    return generation_logits(engine->generator, ids, length, positions, stepwise, logits, error);
  return batch_logits(engine->batch, ids, length, positions, stepwise, logits, error);
}

bool engine_set_context(Engine *engine, const int32_t *ids, int64_t batch, int64_t length,
                        Error *error) {
  if (engine->generator)
    return generation_set_context(engine->generator, ids, batch, length, error);
  return batch_set_context(engine->batch, ids, batch, length, error);
}

int64_t engine_cache_bytes(const Engine *engine) {
  return engine->generator ? generator_cache_bytes(engine->generator)
                           : batch_cache_bytes(engine->batch);
}

int64_t engine_scratch_bytes(const Engine *engine) {
  return engine->generator ? generator_scratch_bytes(engine->generator)
                           : batch_scratch_bytes(engine->batch);
}

StepFacts engine_step_facts(const Engine *engine) {
  return engine->generator ? generator_step_facts(engine->generator)
                           : batch_step_facts(engine->batch);
}

// The requests of a load, in the order in which they arrive, with room for what they make.
typedef struct {
  int64_t count;
  LoadRequest *requests;
  int64_t *order; // which of the plan's each is
  int64_t *times;
  LoadResult *results, *in_order; // as they arrive; as the plan has them
  int32_t *ids;
  int64_t *token_times;
} LoadSet;

static void free_set(LoadSet *set) {
  memory_free(set->requests);
  memory_free(set->order);
  memory_free(set->times);
  memory_free(set->results);
  memory_free(set->in_order);
  memory_free(set->ids);
  memory_free(set->token_times);
}

typedef struct {
  double arrival;
  int64_t index;
} Listed;

static int compare_listed(const void *a, const void *b) {
  const Listed *x = a, *y = b;
  if (x->arrival != y->arrival) return x->arrival < y->arrival ? -1 : 1;
  return (x->index > y->index) - (x->index < y->index);
}

// Requests of one time stay in their order.
static void sort_listed(const LoadPlan *plan, int64_t *order, int64_t count) {
  Listed *listed = memory_allocate((size_t)count * sizeof *listed);
  for (int64_t i = 0; i < count; i++) listed[i] = (Listed){plan->requests[i].arrival, i};
  qsort(listed, (size_t)count, sizeof *listed, compare_listed);
  for (int64_t i = 0; i < count; i++) order[i] = listed[i].index;
  memory_free(listed);
}

static void name_requests(LoadSet *set, const LoadPlan *plan, const GenerationRequest *request) {
  for (int64_t i = 0; i < set->count; i++) set->order[i] = i;
  bool listed = plan->arrivals.kind == ARRIVALS_LISTED;
  if (listed) sort_listed(plan, set->order, set->count);
  arrivals_times(&plan->arrivals, plan->seed, set->count, set->times);
  for (int64_t i = 0; i < set->count; i++) {
    LoadRequest one = {request->prompts, request->prompt_length, request->new_tokens, 0};
    if (plan->requests) one = plan->requests[set->order[i]];
    if (one.max_new_tokens == 0) one.max_new_tokens = request->new_tokens;
    set->requests[i] = one;
    if (listed) set->times[i] = (int64_t)(one.arrival * 1e9);
  }
}

// What cannot be served is refused and makes nothing: no room for it.
static int64_t room_of(const LoadRequest *request, int64_t most) {
  return request->max_new_tokens <= most ? request->max_new_tokens : 0;
}

static LoadSet make_set(const Engine *engine, const GenerationRequest *request, int64_t most) {
  const LoadPlan *plan = &engine->plan;
  LoadSet set = {.count = plan->count > 0 ? plan->count : request->batch};
  size_t count = (size_t)set.count, tokens = 0;
  set.requests = memory_allocate(count * sizeof *set.requests);
  set.order = memory_allocate(count * sizeof *set.order);
  set.times = memory_allocate(count * sizeof *set.times);
  set.results = memory_allocate(count * sizeof *set.results);
  set.in_order = memory_allocate(count * sizeof *set.in_order);
  name_requests(&set, plan, request);
  for (size_t i = 0; i < count; i++) tokens += (size_t)room_of(&set.requests[i], most);
  set.ids = memory_allocate(tokens * sizeof *set.ids);
  set.token_times = memory_allocate(tokens * sizeof *set.token_times);
  size_t used = 0;
  for (size_t i = 0; i < count; i++) {
    set.results[i] = (LoadResult){.ids = set.ids + used, .times = set.token_times + used};
    used += (size_t)room_of(&set.requests[i], most);
  }
  return set;
}

json_t *engine_load(Engine *engine, const GenerationRequest *request, Error *error) {
  if (!engine->batch) return json_pack("{s:n, s:n}", "batching", "requests");
  LoadFacts facts;
  LoadSet set = make_set(engine, request, batch_longest(engine->batch));
  bool done = load_run(engine->batch, &engine->plan.arrivals, set.requests, set.times, set.count,
                       set.results, &facts, error);
  for (int64_t i = 0; done && i < set.count; i++) set.in_order[set.order[i]] = set.results[i];
  json_t *object = done
                       ? json_pack("{s:o, s:o}", "batching",
                                   load_report_json(&engine->plan, set.in_order, set.count, &facts),
                                   "requests", load_requests_json(set.in_order, set.count))
                       : NULL;
  free_set(&set);
  return object;
}
