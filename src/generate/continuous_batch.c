// SPDX-License-Identifier: Apache-2.0
#include "generate/continuous_batch.h"
#include "base/clock.h"
#include "base/memory.h"
#include "generate/batch_context.h"
#include "kernels/eager.h"
#include <string.h>

static bool check_count(const char *name, int64_t value, int64_t most, Error *error) {
  return (value >= 1 && value <= most) ||
         error_set(error, ERROR_ARGUMENT, name, "is %lld, expected 1 to %lld", (long long)value,
                   (long long)most);
}

static bool check_options(const ModelConfig *config, const BatchOptions *options, Error *error) {
  int64_t longest = config->learned_positions ? config->max_positions : CONFIG_MAX_POSITIONS;
  if (!check_count("sequences", options->max_sequences, 1 << 20, error) ||
      !check_count("tokens", options->max_tokens, longest, error) ||
      !check_count("token budget", options->token_budget, 1 << 20, error) ||
      !check_count("blocks", options->blocks, INT32_MAX / 2, error) ||
      !check_count("block size", options->block_size, 1 << 20, error))
    return false;
  if (config->rope.kind == ROPE_DYNAMIC && options->max_tokens > config->rope.original_positions)
    return error_set(error, ERROR_UNSUPPORTED, "rope_scaling",
                     "of type dynamic: past %lld tokens its angles depend on the length of each "
                     "sequence, which a shared step does not have",
                     (long long)config->rope.original_positions);
  return true;
}

static bool open_attention(Batch *batch, CpuTier tier, Error *error) {
  const BatchOptions *options = &batch->options;
  Decoder *decoder = &batch->decoder;
  AttentionLimits limits = {
      .batch = options->max_sequences, .keys = options->max_tokens, .tier = tier};
  if (!paged_attention_find(options->attention, options->sdpa_backend, &decoder->paged, error))
    return false;
  decoder->attention = decoder->paged.attention;
  return decoder_supported(decoder, options->cache_dtype, error) &&
         attention_open(decoder->attention, &limits, &decoder->prepared, error);
}

static bool open_parts(Batch *batch, CpuTier tier, Team *team, Error *error) {
  const ModelConfig *config = batch->decoder.config;
  const BatchOptions *options = &batch->options;
  const Kernels *kernels = kernels_for(tier);
  batch->scheduler = scheduler_find(options->scheduler, error);
  if (!batch->scheduler || !open_attention(batch, tier, error)) return false;
  batch->shape = (PagedCacheShape){.layers = config->layers,
                                   .kv_heads = config->kv_heads,
                                   .head_dim = config->head_dim,
                                   .blocks = options->blocks,
                                   .block_size = options->block_size,
                                   .padding = options->token_budget,
                                   .dtype = options->cache_dtype};
  batch->cache = paged_cache_open(&batch->shape, error);
  if (!batch->cache) return false;
  if (options->compile &&
      !(batch->programs = step_programs_open(kernels, team, options->compile, error)))
    return false;
  int64_t blocks = (options->max_tokens + options->block_size - 1) / options->block_size;
  batch->pool = block_pool_open(options->blocks, options->block_size, options->share_prefixes);
  batch->rows =
      step_rows_open(options->token_budget, options->max_sequences, blocks, config->layers);
  batch->rope = rope_open(&config->rope, options->max_tokens);
  rope_prepare(batch->rope, 0, options->max_tokens);
  batch->ops = eager_open(kernels, team);
  batch->sampler = sampler_open(kernels, config->vocabulary);
  return true;
}

Batch *batch_open(const Model *model, Team *team, CpuTier tier, const BatchOptions *options,
                  Error *error) {
  const ModelConfig *config = model_config(model);
  if (!check_options(config, options, error)) return NULL;
  Batch *batch = memory_allocate(sizeof *batch);
  *batch = (Batch){
      .model = model,
      .options = *options,
      .decoder = {.config = config,
                  .weights = model_weights(model),
                  .layers = options->kernelize ? &layers_fused : &layers_plain},
      .running = memory_allocate((size_t)options->max_sequences * sizeof(Sequence *)),
  };
  if (open_parts(batch, tier, team, error)) return batch;
  batch_close(batch);
  return NULL;
}

static void free_sequence(Sequence *sequence) {
  memory_free(sequence->ids);
  memory_free(sequence->blocks);
  memory_free(sequence);
}

void batch_close(Batch *batch) {
  if (!batch) return;
  for (int64_t i = 0; i < batch->running_count; i++) free_sequence(batch->running[i]);
  while (batch->first_waiting) {
    Sequence *sequence = batch->first_waiting;
    batch_remove_waiting(batch, sequence);
    free_sequence(sequence);
  }
  for (Sequence *sequence; (sequence = batch->spare);) {
    batch->spare = sequence->after;
    free_sequence(sequence);
  }
  memory_free(batch->running);
  if (batch->pool) batch_context_free(batch);
  step_rows_free(&batch->rows);
  sampler_close(batch->sampler);
  step_programs_close(batch->programs);
  eager_close(batch->ops);
  rope_close(batch->rope);
  block_pool_close(batch->pool);
  paged_cache_close(batch->cache);
  attention_close(batch->decoder.attention, batch->decoder.prepared);
  memory_free(batch);
}

// Whether the blocks that no context holds are enough.
static bool check_room(const Batch *batch, const BatchRequest *request, int64_t tokens,
                       Error *error) {
  int64_t size = batch->options.block_size;
  int64_t blocks = batch->options.blocks - batch_context_blocks(batch);
  if ((tokens + size - 1) / size - batch->contexts.length / size <= blocks) return true;
  return error_set(error, ERROR_ARGUMENT, "tokens",
                   "are %lld of prompt and %lld new, but the cache is %lld blocks of %lld%s",
                   (long long)request->prompt_length, (long long)request->max_new_tokens,
                   (long long)blocks, (long long)size,
                   batch->contexts.count ? " beside the contexts" : "");
}

static bool check_length(const Batch *batch, const BatchRequest *request, Error *error) {
  const BatchOptions *options = &batch->options;
  int64_t tokens, context = batch->contexts.length;
  if (request->prompt_length < 1 || request->max_new_tokens < 1)
    return error_set(error, ERROR_ARGUMENT, "tokens",
                     "%lld of prompt and %lld new, expected at least 1 of each",
                     (long long)request->prompt_length, (long long)request->max_new_tokens);
  if (__builtin_add_overflow(request->prompt_length, request->max_new_tokens, &tokens) ||
      tokens > options->max_tokens - context)
    return error_set(error, ERROR_ARGUMENT, "tokens",
                     "are %lld of prompt and %lld new, expected at most %lld of one sequence",
                     (long long)request->prompt_length, (long long)request->max_new_tokens,
                     (long long)(options->max_tokens - context));
  return check_room(batch, request, context + tokens, error);
}

// One that ended, where its room suffices, so that equal requests allocate nothing.
static Sequence *take_sequence(Batch *batch, int64_t tokens) {
  Sequence *sequence = batch->spare;
  int64_t size = batch->options.block_size, blocks = (tokens + size - 1) / size;
  if (sequence) {
    batch->spare = sequence->after;
    batch->spare_count--;
  }
  if (!sequence || sequence->room < tokens) {
    if (sequence) free_sequence(sequence);
    sequence = memory_allocate(sizeof *sequence);
    sequence->ids = memory_allocate((size_t)tokens * sizeof(int32_t));
    sequence->blocks = memory_allocate((size_t)blocks * sizeof(int32_t));
    sequence->room = tokens;
  }
  *sequence = (Sequence){.ids = sequence->ids, .blocks = sequence->blocks, .room = sequence->room};
  return sequence;
}

static void keep_sequence(Batch *batch, Sequence *sequence) {
  if (batch->spare_count >= batch->options.max_sequences) {
    free_sequence(sequence);
    return;
  }
  sequence->after = batch->spare;
  batch->spare = sequence;
  batch->spare_count++;
}

Sequence *batch_submit(Batch *batch, const BatchRequest *request, Error *error) {
  if (!check_length(batch, request, error) || !sampling_check(&request->sampling, error) ||
      !config_check_ids(batch->decoder.config, request->prompt, request->prompt_length, error))
    return NULL;
  int64_t begin = batch->contexts.length;
  Sequence *sequence =
      take_sequence(batch, begin + request->prompt_length + request->max_new_tokens);
  sequence->request = *request;
  sequence->context = batch_context_next(batch);
  sequence->count = begin + request->prompt_length;
  if (begin)
    memcpy(sequence->ids, batch_context_ids(batch, sequence->context),
           (size_t)begin * sizeof(int32_t));
  memcpy(sequence->ids + begin, request->prompt, (size_t)request->prompt_length * sizeof(int32_t));
  batch_push_waiting(batch, sequence, false);
  return sequence;
}

static void end(Batch *batch, Sequence *sequence) {
  const BatchListener *listener = sequence->request.listener;
  batch_drop_blocks(batch, sequence);
  void *context = sequence->request.context;
  BatchEnd reason = sequence->end;
  int64_t preemptions = sequence->preemptions;
  keep_sequence(batch, sequence);
  listener->ended(context, reason, preemptions);
}

static void say_ending(Sequence *sequence, BatchEnd reason) {
  if (sequence->ending) return;
  sequence->ending = true;
  sequence->end = reason;
}

// Ends the running sequences that have come to it. The list is whole before any of them is told.
static void end_running(Batch *batch) {
  int64_t kept = 0, ended = batch->running_count;
  for (int64_t i = 0; i < batch->running_count; i++)
    if (!batch->running[i]->ending) {
      Sequence *sequence = batch->running[i];
      batch->running[i] = batch->running[kept];
      batch->running[kept++] = sequence;
    }
  batch->running_count = kept;
  for (int64_t i = kept; i < ended; i++) end(batch, batch->running[i]);
}

void batch_cancel(Batch *batch, Sequence *sequence) {
  say_ending(sequence, BATCH_CANCELLED);
  if (sequence->state == SEQUENCE_WAITING) {
    batch_remove_waiting(batch, sequence);
    end(batch, sequence);
  } else if (!batch->stepping) {
    end_running(batch);
  }
}

static bool is_stop(const BatchRequest *request, int32_t id) {
  for (int i = 0; i < request->stop_count; i++)
    if (request->stop_ids[i] == id) return true;
  return false;
}

static int32_t choose(Batch *batch, const Sequence *sequence, const Tensor *made, int64_t sample,
                      bool chosen) {
  if (chosen) return ((const int32_t *)made->data)[sample];
  const float *logits = (const float *)made->data + sample * batch->decoder.config->vocabulary;
  return sampler_choose(batch->sampler, &sequence->request.sampling, logits, sequence->request.draw,
                        sequence->count - batch->contexts.length - sequence->request.prompt_length);
}

static void add_token(const Batch *batch, Sequence *sequence, int32_t id) {
  const BatchRequest *request = &sequence->request;
  int64_t prompt = batch->contexts.length + request->prompt_length;
  sequence->ids[sequence->count++] = id;
  bool more = request->listener->token(request->context, id);
  if (!more || is_stop(request, id)) say_ending(sequence, BATCH_STOP);
  if (sequence->count == prompt + request->max_new_tokens) say_ending(sequence, BATCH_LENGTH);
}

static void publish(Batch *batch, Sequence *sequence) {
  int64_t size = batch->options.block_size;
  for (; (sequence->published + 1) * size <= sequence->computed; sequence->published++) {
    int64_t i = sequence->published;
    block_pool_publish(batch->pool, sequence->blocks[i],
                       i > 0 ? sequence->blocks[i - 1] : BLOCK_NONE, sequence->ids + i * size);
  }
}

static bool greedy(const Batch *batch) {
  for (int64_t i = 0; i < batch->running_count; i++)
    if (batch->running[i]->planned && batch->running[i]->request.sampling.sample) return false;
  return true;
}

// What the pass made, to the sequences that were in it.
static void advance(Batch *batch, const Tensor *made, bool chosen) {
  for (int64_t i = 0; i < batch->running_count; i++) {
    Sequence *sequence = batch->running[i];
    if (!sequence->planned) continue;
    sequence->computed += sequence->planned;
    sequence->planned = 0;
    publish(batch, sequence);
    if (sequence->sample >= 0)
      add_token(batch, sequence, choose(batch, sequence, made, sequence->sample, chosen));
  }
}

static void announce_started(Batch *batch) {
  for (int64_t i = 0; i < batch->running_count; i++) {
    Sequence *sequence = batch->running[i];
    if (sequence->started) continue;
    sequence->started = true;
    const BatchListener *listener = sequence->request.listener;
    if (listener->started) listener->started(sequence->request.context);
  }
}

static void count_step(Batch *batch) {
  BatchFacts *facts = &batch->facts;
  int64_t held = batch_blocks_held(batch);
  batch->last = (BatchStep){batch->rows.rows, batch->running_count, held};
  facts->steps += batch->rows.rows > 0;
  facts->rows += batch->rows.rows;
  facts->sampled += batch->rows.samples;
  if (batch->running_count > facts->most_running) facts->most_running = batch->running_count;
  if (held > facts->most_blocks) facts->most_blocks = held;
}

static void run(Batch *batch) {
  bool chosen = greedy(batch);
  ops_scope_begin(batch->ops);
  Tensor made = batch_pass(batch, chosen);
  if (!ops_failed(batch->ops)) advance(batch, &made, chosen);
  ops_scope_end(batch->ops);
}

bool batch_step(Batch *batch, Error *error) {
  int64_t begin = clock_now();
  batch->stepping = true;
  batch_plan(batch);
  batch->facts.plan_ns += clock_now() - begin;
  announce_started(batch);
  count_step(batch);
  if (batch->rows.rows > 0) run(batch);
  end_running(batch);
  batch->stepping = false;
  end_running(batch); // those that were cancelled by what they heard of an end
  batch->facts.step_ns += clock_now() - begin;
  return ops_finish(batch->ops, error);
}

bool batch_prepare(Batch *batch, Error *error) {
  if (batch->running_count + batch->waiting_count > 0)
    return error_set(error, ERROR_ARGUMENT, "batch", "is prepared while requests wait or run");
  if (!batch->programs) return true;
  for (int64_t most = 1, done = 0; done < batch->options.token_budget; done = most, most++) {
    most = batch_padded(most, batch->options.token_budget);
    for (int decodes = 0; decodes < 2; decodes++)
      if (!decodes || done < batch->options.max_sequences) batch_pass_empty(batch, most, decodes);
    if (ops_failed(batch->ops)) break;
  }
  return ops_finish(batch->ops, error);
}

int64_t batch_waiting(const Batch *batch) {
  return batch->waiting_count;
}

int64_t batch_running(const Batch *batch) {
  return batch->running_count;
}

int64_t batch_longest(const Batch *batch) {
  int64_t cache = batch->options.blocks * batch->options.block_size;
  return batch->options.max_tokens < cache ? batch->options.max_tokens : cache;
}

BatchStep batch_last_step(const Batch *batch) {
  return batch->last;
}

int64_t batch_blocks_held(const Batch *batch) {
  return block_pool_size(batch->pool) - block_pool_free(batch->pool);
}

BatchFacts batch_facts(const Batch *batch) {
  return batch->facts;
}

void batch_facts_clear(Batch *batch) {
  batch->facts = (BatchFacts){0};
}

// How often the sequences that run name each block.
static void count_names(const Batch *batch, int32_t *named) {
  for (int64_t i = 0; i < batch->running_count; i++)
    for (int64_t j = 0; j < batch->running[i]->block_count; j++)
      named[batch->running[i]->blocks[j]]++;
}

// Those of contexts are taken off: any number of sequences may hold them.
static void leave_contexts(const Batch *batch, int32_t *named, int32_t *holders) {
  for (int64_t i = 0; i < batch_context_blocks(batch); i++) {
    int32_t block = batch->contexts.blocks[i];
    holders[block] -= named[block] + 1;
    named[block] = 0;
  }
}

static bool check_holders(const Batch *batch, const int32_t *named, const int32_t *held,
                          Error *error) {
  for (int64_t i = 0; i < block_pool_size(batch->pool); i++) {
    int64_t holders = held[i];
    if (named[i] != holders)
      return error_set(error, ERROR_MISMATCH, "blocks",
                       "block %lld is held by %lld, but %d sequences name it", (long long)i,
                       (long long)holders, named[i]);
    if (holders > 1 && !batch->options.share_prefixes)
      return error_set(error, ERROR_MISMATCH, "blocks", "block %lld is held by %lld, unshared",
                       (long long)i, (long long)holders);
  }
  return true;
}

bool batch_check(const Batch *batch, Error *error) {
  int64_t blocks = block_pool_size(batch->pool);
  int32_t *named = memory_allocate((size_t)blocks * sizeof *named);
  int32_t *held = memory_allocate((size_t)blocks * sizeof *held);
  for (int64_t i = 0; i < blocks; i++)
    held[i] = (int32_t)block_pool_holders(batch->pool, (int32_t)i);
  count_names(batch, named);
  leave_contexts(batch, named, held);
  bool done = block_pool_check(batch->pool, error) && check_holders(batch, named, held, error);
  memory_free(named);
  memory_free(held);
  return done;
}

int64_t batch_cache_bytes(const Batch *batch) {
  return paged_cache_bytes(&batch->shape, batch->facts.most_blocks);
}

int64_t batch_scratch_bytes(const Batch *batch) {
  return eager_bytes(batch->ops);
}

StepFacts batch_step_facts(const Batch *batch) {
  return batch->programs ? step_programs_facts(batch->programs) : (StepFacts){0};
}
