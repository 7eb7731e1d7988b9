// SPDX-License-Identifier: Apache-2.0
#include "generate/generation.h"
#include "base/clock.h"
#include "generate/growing_cache.h"
#include "generate/static_cache.h"
#include "kernels/eager.h"
#include "model/decoder.h"
#include <string.h>

struct Generator {
  const Model *model;
  GeneratorOptions options;
  Decoder decoder;
  Ops *ops;
  StepPrograms *programs; // NULL: not compiled
  Cache *cache;
  Rope *rope;
  Sampler *sampler;
  KeyValues *layers; // [layers], for the batch of the run
  int64_t *past;     // [max_batch]
  int32_t *ids;      // [max_batch]: the last token of each sequence
  int32_t *fed;      // [max_batch * max_tokens]: where programs read ids; NULL: not compiled
  bool *stopped;     // [max_batch]
  int64_t batch;     // of the run
  int64_t used;      // tokens cached, of each sequence
  int64_t context, context_batch; // tokens that runs keep, of so many sequences
  bool filling;                   // the context, without programs
};

static bool open_programs(Generator *generator, const Kernels *kernels, Team *team, Error *error) {
  const GeneratorOptions *options = &generator->options;
  generator->programs = step_programs_open(kernels, team, options->compile, error);
  generator->fed =
      memory_allocate((size_t)(options->max_batch * options->max_tokens) * sizeof(int32_t));
  return generator->programs != NULL;
}

static bool prepare_attention(Generator *generator, CpuTier tier, Error *error) {
  Decoder *decoder = &generator->decoder;
  const GeneratorOptions *options = &generator->options;
  AttentionLimits limits = {.batch = options->max_batch, .keys = options->max_tokens, .tier = tier};
  if (generator->programs)
    return step_programs_attention(generator->programs, decoder->attention, limits,
                                   &decoder->prepared, error);
  return attention_open(decoder->attention, &limits, &decoder->prepared, error);
}

static bool open_parts(Generator *generator, CpuTier tier, Team *team, Error *error) {
  const ModelConfig *config = generator->decoder.config;
  const GeneratorOptions *options = &generator->options;
  const Kernels *kernels = kernels_for(tier);
  generator->decoder.attention = attention_find(options->attention, options->sdpa_backend, error);
  if (!generator->decoder.attention ||
      !decoder_supported(&generator->decoder, options->cache_dtype, error))
    return false;
  if (options->compile && !open_programs(generator, kernels, team, error)) return false;
  if (!prepare_attention(generator, tier, error)) return false;
  CacheShape shape = {.layers = config->layers,
                      .sequences = options->max_batch,
                      .kv_heads = config->kv_heads,
                      .head_dim = config->head_dim,
                      .capacity = options->max_tokens,
                      .dtype = options->cache_dtype};
  generator->cache = (options->compile ? static_cache_open : growing_cache_open)(&shape, error);
  if (!generator->cache) return false;
  generator->rope = rope_open(&config->rope, options->max_tokens);
  generator->ops = eager_open(kernels, team);
  generator->sampler = sampler_open(kernels, config->vocabulary);
  return true;
}

static bool check_options(const ModelConfig *config, const GeneratorOptions *options,
                          Error *error) {
  if (options->max_batch < 1 || options->max_batch > 1 << 20)
    return error_set(error, ERROR_ARGUMENT, "batch", "is %lld, expected 1 to %d",
                     (long long)options->max_batch, 1 << 20);
  if (options->max_tokens < 1 || options->max_tokens > CONFIG_MAX_POSITIONS)
    return error_set(error, ERROR_ARGUMENT, "tokens", "are %lld, expected 1 to %d",
                     (long long)options->max_tokens, CONFIG_MAX_POSITIONS);
  if (config->learned_positions && options->max_tokens > config->max_positions)
    return error_set(error, ERROR_ARGUMENT, "tokens",
                     "are %lld, but the model has %lld learned positions",
                     (long long)options->max_tokens, (long long)config->max_positions);
  return true;
}

Generator *generator_open(const Model *model, Team *team, CpuTier tier,
                          const GeneratorOptions *options, Error *error) {
  const ModelConfig *config = model_config(model);
  if (!check_options(config, options, error)) return NULL;
  Generator *generator = memory_allocate(sizeof *generator);
  size_t batch = (size_t)options->max_batch;
  *generator =
      (Generator){.model = model,
                  .options = *options,
                  .decoder = {.config = config,
                              .weights = model_weights(model),
                              .layers = options->kernelize ? &layers_fused : &layers_plain},
                  .layers = memory_allocate((size_t)config->layers * sizeof(KeyValues)),
                  .past = memory_allocate(batch * sizeof(int64_t)),
                  .ids = memory_allocate(batch * sizeof(int32_t)),
                  .stopped = memory_allocate(batch * sizeof(bool))};
  if (open_parts(generator, tier, team, error)) return generator;
  generator_close(generator);
  return NULL;
}

void generator_close(Generator *generator) {
  if (!generator) return;
  sampler_close(generator->sampler);
  eager_close(generator->ops);
  rope_close(generator->rope);
  cache_close(generator->cache);
  attention_close(generator->decoder.attention, generator->decoder.prepared);
  step_programs_close(generator->programs);
  memory_free(generator->stopped);
  memory_free(generator->ids);
  memory_free(generator->fed);
  memory_free(generator->past);
  memory_free(generator->layers);
  memory_free(generator);
}

// Truncates the cache to the context for a run of `batch` sequences of at most `tokens` more.
static bool begin(Generator *generator, int64_t batch, int64_t tokens, Error *error) {
  const GeneratorOptions *options = &generator->options;
  if (batch < 1 || batch > options->max_batch)
    return error_set(error, ERROR_ARGUMENT, "batch", "is %lld, expected 1 to %lld",
                     (long long)batch, (long long)options->max_batch);
  if (tokens < 1 || tokens > options->max_tokens - generator->context)
    return error_set(error, ERROR_ARGUMENT, "tokens", "are %lld, expected 1 to %lld",
                     (long long)tokens, (long long)(options->max_tokens - generator->context));
  if (generator->context && batch > generator->context_batch)
    return error_set(error, ERROR_ARGUMENT, "batch",
                     "is %lld, but the context is of %lld sequences", (long long)batch,
                     (long long)generator->context_batch);
  generator->batch = batch;
  generator->used = generator->context;
  for (int64_t i = 0; i < generator->decoder.config->layers; i++)
    generator->layers[i] = generator->cache->form->layer(generator->cache, i, batch);
  return true;
}

// Runs one pass, operator by operator or by its program.
static Tensor run_pass(Generator *generator, DecoderPass *pass, bool choose) {
  const Decoder *decoder = &generator->decoder;
  Ops *ops = generator->ops;
  if (!generator->programs || generator->filling)
    return (choose ? decoder_choose : decoder_forward)(decoder, ops, pass);
  size_t bytes = (size_t)(pass->batch * pass->length) * sizeof(int32_t);
  memcpy(generator->fed, pass->ids.data, bytes);
  pass->ids.data = generator->fed;
  Error error;
  const Tensor *made = step_programs_run(generator->programs, decoder, pass, choose, &error);
  if (made) return *made;
  ops_fail(ops, &error);
  return (Tensor){0};
}

// Feeds `length` ids of each sequence; returns logits [batch * wanted, vocabulary], or choices
// [batch * wanted] when `choose`, until the scope that the caller opened ends.
static Tensor feed(Generator *generator, const int32_t *ids, int64_t length, int64_t wanted,
                   bool choose) {
  Ops *ops = generator->ops;
  Cache *cache = generator->cache;
  int64_t batch = generator->batch, tokens = batch * length, end = generator->used + length;
  Error error;
  if (!cache->form->reserve(cache, end, &error)) {
    ops_fail(ops, &error);
    return (Tensor){0};
  }
  for (int64_t i = 0; i < batch; i++) generator->past[i] = generator->used;
  rope_prepare(generator->rope, generator->used, end);
  DecoderPass pass = {.batch = batch,
                      .length = length,
                      .ids = tensor_dense(DTYPE_I32, 1, &tokens, (void *)ids),
                      .positions = {.cosine = rope_cosine(generator->rope),
                                    .sine = rope_sine(generator->rope),
                                    .past = tensor_dense(DTYPE_I64, 1, &batch, generator->past),
                                    .slots = tensor_dense(DTYPE_I64, 1, &batch, generator->past)},
                      .cache = generator->layers,
                      .visible = cache->form->visible(cache, end),
                      .wanted = wanted};
  Tensor made = run_pass(generator, &pass, choose);
  generator->used = end;
  return made;
}

// One step of the context: columns [at, at + count) of ids [batch, length].
static bool feed_context(Generator *generator, const int32_t *ids, int64_t length, int64_t at,
                         int64_t count, int32_t *columns, Error *error) {
  for (int64_t i = 0; i < generator->batch; i++)
    memcpy(columns + i * count, ids + i * length + at, (size_t)count * sizeof(int32_t));
  ops_scope_begin(generator->ops);
  feed(generator, columns, count, 1, true);
  ops_scope_end(generator->ops);
  return ops_finish(generator->ops, error);
}

bool generation_set_context(Generator *generator, const int32_t *ids, int64_t batch, int64_t length,
                            Error *error) {
  generator->context = 0;
  if (length == 0) return true;
  if (!begin(generator, batch, length, error) ||
      !config_check_ids(generator->decoder.config, ids, batch * length, error))
    return false;
  int64_t step = length < GENERATION_CONTEXT_STEP ? length : GENERATION_CONTEXT_STEP;
  int32_t *columns = memory_allocate((size_t)(batch * step) * sizeof *columns);
  bool done = true;
  generator->filling = true;
  for (int64_t at = 0; done && at < length; at += step) {
    int64_t count = step < length - at ? step : length - at;
    done = feed_context(generator, ids, length, at, count, columns, error);
  }
  generator->filling = false;
  memory_free(columns);
  if (done) generator->context = length;
  generator->context_batch = batch;
  return done;
}

static bool is_stop(const GenerationRequest *request, int32_t id) {
  for (int i = 0; i < request->stop_count; i++)
    if (request->stop_ids[i] == id) return true;
  return false;
}

// From logits, or, when the choice is greedy, from the choices that were made in their place.
static int32_t choose(Generator *generator, const Sampling *sampling, const Tensor *made,
                      int64_t sequence, int64_t step) {
  if (!sampling->sample) return ((const int32_t *)made->data)[sequence];
  const float *logits = made->data;
  logits += sequence * generator->decoder.config->vocabulary;
  return sampler_choose(generator->sampler, sampling, logits, sequence, step);
}

// Chooses, records and announces the token of each sequence that still runs.
static int64_t advance(Generator *generator, const GenerationRequest *request,
                       GenerationResult *result, const Tensor *made, int64_t step, int64_t start) {
  int64_t running = 0;
  for (int64_t i = 0; i < request->batch; i++) {
    if (generator->stopped[i]) continue;
    int32_t id = choose(generator, &request->sampling, made, i, step);
    generator->ids[i] = id;
    result->ids[i * request->new_tokens + step] = id;
    if (result->times) result->times[i * request->new_tokens + step] = clock_now() - start;
    result->counts[i] = step + 1;
    bool listening = request->listener != NULL;
    if (listening && !request->listener(request->listener_context, i, id))
      generator->stopped[i] = true;
    if (is_stop(request, id)) generator->stopped[i] = true;
    running += !generator->stopped[i];
  }
  return running;
}

static bool check_request(Generator *generator, const GenerationRequest *request, Error *error) {
  if (request->new_tokens < 1 || request->prompt_length < 1)
    return error_set(error, ERROR_ARGUMENT, "tokens",
                     "%lld of prompt and %lld new, expected at least 1 of each",
                     (long long)request->prompt_length, (long long)request->new_tokens);
  int64_t tokens;
  if (__builtin_add_overflow(request->prompt_length, request->new_tokens, &tokens))
    tokens = INT64_MAX;
  return sampling_check(&request->sampling, error) &&
         begin(generator, request->batch, tokens, error) &&
         config_check_ids(generator->decoder.config, request->prompts,
                          request->batch * request->prompt_length, error);
}

bool generation_run(Generator *generator, const GenerationRequest *request,
                    GenerationResult *result, Error *error) {
  int64_t start = clock_now();
  if (!check_request(generator, request, error)) return false;
  memset(generator->stopped, 0, (size_t)request->batch * sizeof(bool));
  memset(result->counts, 0, (size_t)request->batch * sizeof(int64_t));
  int64_t running = request->batch, length = request->prompt_length;
  const int32_t *ids = request->prompts;
  for (int64_t step = 0; step < request->new_tokens && running > 0; step++) {
    ops_scope_begin(generator->ops);
    Tensor made = feed(generator, ids, length, 1, !request->sampling.sample);
    bool failed = ops_failed(generator->ops);
    if (!failed) running = advance(generator, request, result, &made, step, start);
    ops_scope_end(generator->ops);
    if (failed) break;
    ids = generator->ids;
    length = 1;
  }
  result->end = clock_now() - start;
  return ops_finish(generator->ops, error);
}

// Feeds ids and copies the last `wanted` rows of logits; wanted 0: none.
static float *feed_and_copy(Generator *generator, const int32_t *ids, int64_t length,
                            int64_t wanted, float *out) {
  int64_t floats = wanted * generator->decoder.config->vocabulary;
  ops_scope_begin(generator->ops);
  Tensor logits = feed(generator, ids, length, wanted > 0 ? wanted : 1, false);
  if (!ops_failed(generator->ops) && logits.data && floats > 0)
    memcpy(out, logits.data, (size_t)floats * sizeof(float));
  ops_scope_end(generator->ops);
  return out + floats;
}

bool generation_logits(Generator *generator, const int32_t *ids, int64_t length, int64_t positions,
                       int64_t stepwise, float *logits, Error *error) {
  if (stepwise < 0 || stepwise > length || positions < 1 || positions > length)
    return error_set(error, ERROR_ARGUMENT, "logits",
                     "%lld positions and %lld steps of %lld tokens", (long long)positions,
                     (long long)stepwise, (long long)length);
  if (!begin(generator, 1, length, error) ||
      !config_check_ids(generator->decoder.config, ids, length, error))
    return false;
  int64_t together = length - stepwise;
  int64_t wanted = positions > stepwise ? positions - stepwise : 0;
  if (together > 0) logits = feed_and_copy(generator, ids, together, wanted, logits);
  for (int64_t i = together; i < length; i++)
    logits = feed_and_copy(generator, ids + i, 1, length - i <= positions, logits);
  return ops_finish(generator->ops, error);
}

int64_t generator_cache_bytes(const Generator *generator) {
  return cache_bytes(&generator->cache->shape, generator->batch, generator->used);
}

int64_t generator_scratch_bytes(const Generator *generator) {
  return eager_bytes(generator->ops);
}

StepFacts generator_step_facts(const Generator *generator) {
  return generator->programs ? step_programs_facts(generator->programs) : (StepFacts){0};
}
