// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/memory_estimate.h"
#include "generate/generation.h"
#include <string.h>

// Sums and products of what is not negative; INT64_MAX where they are larger.
static int64_t plus(int64_t a, int64_t b) {
  int64_t sum;
  return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static int64_t times(int64_t a, int64_t b) {
  int64_t product;
  return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}

static int64_t largest(int64_t a, int64_t b) {
  return a > b ? a : b;
}

MemoryFacts memory_facts_of(const ModelConfig *config) {
  return (MemoryFacts){
      .weights = config_weights(config),
      .vocabulary = config->vocabulary,
      .hidden = config->hidden,
      .layers = config->layers,
      .heads = config->heads,
      .kv_heads = config->kv_heads,
      .head_dim = config->head_dim,
      .intermediate = config->intermediate,
      .gated = config->gated,
  };
}

bool memory_facts_read(const Field *model, MemoryFacts *facts, Error *error) {
  const struct {
    const char *key;
    int64_t most, *value;
  } rows[] = {
      {"weights", INT64_MAX, &facts->weights},
      {"vocabulary", CONFIG_MAX_VOCABULARY, &facts->vocabulary},
      {"hidden", CONFIG_MAX_WIDTH, &facts->hidden},
      {"layers", CONFIG_MAX_LAYERS, &facts->layers},
      {"heads", CONFIG_MAX_HEADS, &facts->heads},
      {"kv_heads", CONFIG_MAX_HEADS, &facts->kv_heads},
      {"head_dim", CONFIG_MAX_HEAD_DIM, &facts->head_dim},
      {"intermediate", CONFIG_MAX_WIDTH, &facts->intermediate},
  };
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    Field field = field_get(model, rows[i].key);
    if (!field_integer(&field, 1, rows[i].most, rows[i].value, error)) return false;
  }
  Field gated = field_get(model, "gated");
  return field_boolean(&gated, &facts->gated, error);
}

// Floats that one token of the prefill needs inside a layer: attention's q, k, v and output, or
// the MLP's gate, up and product, whichever is more, beside the normed input.
static int64_t token_floats(const MemoryFacts *facts) {
  int64_t attention = (2 * facts->heads + 2 * facts->kv_heads) * facts->head_dim;
  int64_t mlp = (facts->gated ? 3 : 1) * facts->intermediate;
  return 3 * facts->hidden + largest(attention, mlp);
}

// Tokens of each sequence that go through the layers at once: the prompt, or a step of the context.
static int64_t tokens_at_once(const MemoryShape *shape) {
  int64_t step =
      shape->depth < GENERATION_CONTEXT_STEP ? shape->depth : (int64_t)GENERATION_CONTEXT_STEP;
  return largest(shape->prompt_length, step);
}

// A score matrix is alive while attention runs, for all sequences at once.
static int64_t score_floats(const MemoryFacts *facts, const MemoryShape *shape) {
  if (!shape->score_matrix) return 0;
  int64_t prompt = times(shape->prompt_length, plus(shape->depth, shape->prompt_length));
  int64_t context = shape->depth ? times(tokens_at_once(shape), shape->depth) : 0;
  return times(times(shape->batch, facts->heads), largest(prompt, context));
}

bool memory_shape_of(const Scenario *scenario, MemoryShape *shape, Error *error) {
  *shape = (MemoryShape){.batch = scenario->batch_size,
                         .depth = scenario->depth,
                         .prompt_length = scenario->sequence_length,
                         .new_tokens = scenario->num_tokens_to_generate,
                         .score_matrix = strcmp(scenario->attn_implementation, "eager") == 0};
  return dtype_by_name(scenario->dtype, &shape->dtype) ||
         error_set(error, ERROR_ARGUMENT, "dtype", "\"%s\" is no dtype", scenario->dtype);
}

MemoryEstimate memory_estimate_of(const MemoryFacts *facts, const MemoryShape *shape) {
  int64_t bytes = dtype_facts(shape->dtype)->block_bytes;
  int64_t tokens =
      times(shape->batch, plus(shape->depth, plus(shape->prompt_length, shape->new_tokens)));
  int64_t prefill = times(times(shape->batch, tokens_at_once(shape)), token_floats(facts));
  int64_t logits = times(shape->batch, facts->vocabulary);
  int64_t floats = plus(plus(prefill, score_floats(facts, shape)), logits);
  int64_t token_bytes = 2 * facts->kv_heads * facts->head_dim * facts->layers * bytes;
  return (MemoryEstimate){
      .weights = times(facts->weights, bytes),
      .cache = times(tokens, token_bytes),
      .activations = times(floats, sizeof(float)),
  };
}

int64_t memory_estimate_total(const MemoryEstimate *estimate) {
  return plus(plus(estimate->weights, estimate->cache), estimate->activations);
}
