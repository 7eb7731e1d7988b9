// SPDX-License-Identifier: Apache-2.0
#include "model/gguf_config.h"
#include "model/family.h"
#include "model/rope_config.h"
#include "tensor/widen.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { KEY_SIZE = 96 };

typedef struct {
  const Gguf *gguf;
  const char *name, *architecture;
} Reader;

// "llama.attention.head_count" for "attention.head_count"
static const char *key_of(const Reader *reader, const char *rest, char key[KEY_SIZE]) {
  snprintf(key, KEY_SIZE, "%s.%s", reader->architecture, rest);
  return key;
}

static bool has_key(const Reader *reader, const char *rest) {
  char key[KEY_SIZE];
  return gguf_metadata_find(&reader->gguf->metadata, key_of(reader, rest, key)) != NULL;
}

static bool read_integer(const Reader *reader, const char *rest, int64_t most, int64_t *out,
                         Error *error) {
  char key[KEY_SIZE];
  return gguf_metadata_integer(&reader->gguf->metadata, key_of(reader, rest, key), 1, most, out,
                               error);
}

static bool read_integer_or(const Reader *reader, const char *rest, int64_t most, int64_t *out,
                            Error *error) {
  return !has_key(reader, rest) || read_integer(reader, rest, most, out, error);
}

static bool read_number_or(const Reader *reader, const char *rest, double least, double most,
                           double *out, Error *error) {
  char key[KEY_SIZE];
  double value = *out;
  if (!gguf_metadata_number_or(&reader->gguf->metadata, key_of(reader, rest, key), &value, error))
    return false;
  if (has_key(reader, rest) && !(value >= least && value <= most))
    return error_set(error, ERROR_FORMAT, reader->name, "%s is %g, expected %g to %g", key, value,
                     least, most);
  *out = value;
  return true;
}

static bool has_tensor(const Reader *reader, const char *name) {
  return checkpoint_find(&reader->gguf->checkpoint, name) != NULL;
}

// A number, or an array with one number for each layer, which must all be the same.
static bool read_per_layer(const Reader *reader, const char *rest, int64_t most, int64_t *out,
                           Error *error) {
  char key[KEY_SIZE];
  const GgufEntry *entry = gguf_metadata_find(&reader->gguf->metadata, key_of(reader, rest, key));
  if (!entry || !entry->is_array) return read_integer(reader, rest, most, out, error);
  int64_t *values;
  size_t count;
  if (!gguf_metadata_integers(&reader->gguf->metadata, key, &values, &count, error)) return false;
  bool same = count > 0;
  for (size_t i = 1; i < count; i++) same = same && values[i] == values[0];
  if (same) *out = values[0];
  memory_free(values);
  if (!same)
    return error_set(error, ERROR_UNSUPPORTED, reader->name,
                     "%s differs between layers, expected one number", key);
  return true;
}

static bool read_architecture(const Gguf *gguf, const char *name, Arena *arena, ModelConfig *config,
                              Error *error) {
  Span text;
  if (!gguf_metadata_text(&gguf->metadata, "general.architecture", &text, error)) return false;
  config->name = arena_copy_bytes(arena, text.data, text.size);
  if (family_by_name(config->name, &config->family) && family_facts(config->family)->gguf)
    return true;
  char list[160];
  return error_set(error, ERROR_UNSUPPORTED, name,
                   "general.architecture is \"%.64s\", supported are %s", config->name,
                   family_list(true, list, sizeof list));
}

// The key, the number of tokens, or the rows of the embedding.
static bool read_vocabulary(const Reader *reader, ModelConfig *config, Error *error) {
  const GgufEntry *tokens = gguf_metadata_find(&reader->gguf->metadata, "tokenizer.ggml.tokens");
  const Tensor *embedding = checkpoint_find(&reader->gguf->checkpoint, "token_embd.weight");
  if (tokens && tokens->is_array && tokens->count <= CONFIG_MAX_VOCABULARY)
    config->vocabulary = (int64_t)tokens->count;
  else if (embedding && embedding->rank == 2)
    config->vocabulary = embedding->shape[0];
  return read_integer_or(reader, "vocab_size", CONFIG_MAX_VOCABULARY, &config->vocabulary, error);
}

static bool read_sizes(const Reader *reader, ModelConfig *config, Error *error) {
  if (!read_vocabulary(reader, config, error) ||
      !read_integer(reader, "embedding_length", CONFIG_MAX_WIDTH, &config->hidden, error) ||
      !read_integer(reader, "block_count", CONFIG_MAX_LAYERS, &config->layers, error) ||
      !read_per_layer(reader, "feed_forward_length", CONFIG_MAX_WIDTH, &config->intermediate,
                      error) ||
      !read_per_layer(reader, "attention.head_count", CONFIG_MAX_HEADS, &config->heads, error))
    return false;
  if (config->heads < 1) // an array's elements are in no range yet
    return error_set(error, ERROR_FORMAT, reader->name, "has %" PRId64 " heads, expected some",
                     config->heads);
  config->kv_heads = config->heads;
  if (has_key(reader, "attention.head_count_kv") &&
      !read_per_layer(reader, "attention.head_count_kv", CONFIG_MAX_HEADS, &config->kv_heads,
                      error))
    return false;
  config->head_dim = config->hidden / config->heads;
  config->max_positions = family_facts(config->family)->max_positions;
  return read_integer_or(reader, "attention.key_length", CONFIG_MAX_HEAD_DIM, &config->head_dim,
                         error) &&
         read_integer_or(reader, "context_length", CONFIG_MAX_POSITIONS, &config->max_positions,
                         error);
}

static bool check_value_length(const Reader *reader, const ModelConfig *config, Error *error) {
  int64_t length = config->head_dim;
  if (!read_integer_or(reader, "attention.value_length", CONFIG_MAX_HEAD_DIM, &length, error))
    return false;
  return length == config->head_dim ||
         error_set(error, ERROR_UNSUPPORTED, reader->name,
                   "attention.value_length is %" PRId64 ", expected that of keys, %" PRId64, length,
                   config->head_dim);
}

// The family's ways, and biases where the file has any.
static bool read_layer_kind(const Reader *reader, ModelConfig *config, Error *error) {
  const FamilyFacts *facts = family_facts(config->family);
  config->norm = facts->gpt2_fields ? NORM_LAYER : NORM_RMS;
  config->gated = !facts->gpt2_fields;
  config->learned_positions = facts->gpt2_fields;
  config->qk_norm = facts->qk_norm;
  config->tied = facts->tied || !has_tensor(reader, "output.weight");
  config->qkv_bias =
      has_tensor(reader, "blk.0.attn_q.bias") || has_tensor(reader, "blk.0.attn_qkv.bias");
  config->output_bias = has_tensor(reader, "blk.0.attn_output.bias");
  config->mlp_bias = has_tensor(reader, "blk.0.ffn_up.bias");
  config->attention_scale = 1.0 / sqrt((double)config->head_dim);
  config->norm_epsilon = facts->epsilon;
  if (!activation_by_name(facts->activation, &config->activation))
    return error_set(error, ERROR_UNSUPPORTED, reader->name, "activation %s", facts->activation);
  return read_number_or(reader,
                        facts->gpt2_fields ? "attention.layer_norm_epsilon"
                                           : "attention.layer_norm_rms_epsilon",
                        0.0, 1.0, &config->norm_epsilon, error);
}

static bool read_layers(const Reader *reader, Arena *arena, ModelConfig *config, Error *error) {
  LayerConfig *layers = arena_allocate(arena, (size_t)config->layers * sizeof *layers);
  int64_t window = 0;
  if (!read_integer_or(reader, "attention.sliding_window", INT32_MAX, &window, error)) return false;
  // No key tells which layers of smollm3 go without rotary embedding: every fourth.
  bool gaps = family_facts(config->family)->no_rope_layers;
  for (int64_t i = 0; i < config->layers; i++)
    layers[i] = (LayerConfig){.window = window,
                              .rope = !config->learned_positions && !(gaps && (i + 1) % 4 == 0)};
  config->layer = layers;
  return true;
}

// rope_freqs.weight: divisors of the default frequencies, made of llama3's scaling.
static bool read_factors(const Reader *reader, const Tensor *tensor, Arena *arena, RopeConfig *rope,
                         Error *error) {
  int64_t count = tensor_elements(tensor);
  if (tensor->rank != 1 || count != rope->dimensions / 2 || tensor->dtype != DTYPE_F32)
    return error_set(error, ERROR_FORMAT, reader->name,
                     "rope_freqs.weight has %" PRId64 " elements of %s, expected %" PRId64
                     " of float32",
                     count, dtype_name(tensor->dtype), rope->dimensions / 2);
  float *factors = arena_allocate(arena, (size_t)count * sizeof *factors);
  widen_row(DTYPE_F32, tensor->data, factors, count);
  for (int64_t i = 0; i < count; i++)
    if (!(factors[i] > 0.0f && isfinite(factors[i])))
      return error_set(error, ERROR_FORMAT, reader->name,
                       "rope_freqs.weight[%" PRId64 "] is %g, expected a positive number", i,
                       (double)factors[i]);
  rope->kind = ROPE_FACTORS;
  rope->factors = factors;
  return true;
}

static bool read_yarn(const Reader *reader, RopeConfig *rope, Error *error) {
  double scale = 1.0;
  rope->kind = ROPE_YARN;
  rope->beta_fast = 32.0;
  rope->beta_slow = 1.0;
  rope->truncate = true;
  if (!read_number_or(reader, "rope.scaling.yarn_beta_fast", 1e-6, 1e6, &rope->beta_fast, error) ||
      !read_number_or(reader, "rope.scaling.yarn_beta_slow", 1e-6, 1e6, &rope->beta_slow, error) ||
      !read_number_or(reader, "rope.scaling.attn_factor", 1e-6, 1e6, &scale, error) ||
      !read_number_or(reader, "rope.scaling.yarn_attn_factor", 1e-6, 1e6, &scale, error))
    return false;
  rope->attention_factor = scale * rope_yarn_attention_factor(rope);
  return true;
}

static bool read_scaling(const Reader *reader, RopeConfig *rope, Error *error) {
  char key[KEY_SIZE];
  bool given = has_key(reader, "rope.scaling.factor") || has_key(reader, "rope.scale_linear");
  Span type = span_of(given ? "linear" : "none");
  if (!read_number_or(reader, "rope.scale_linear", 1e-6, 1e6, &rope->factor, error) ||
      !read_number_or(reader, "rope.scaling.factor", 1e-6, 1e6, &rope->factor, error) ||
      !read_integer_or(reader, "rope.scaling.original_context_length", CONFIG_MAX_POSITIONS,
                       &rope->original_positions, error) ||
      !gguf_metadata_text_or(&reader->gguf->metadata, key_of(reader, "rope.scaling.type", key),
                             &type, error))
    return false;
  if (span_equal(type, span_of("none"))) return true;
  if (span_equal(type, span_of("yarn"))) return read_yarn(reader, rope, error);
  if (span_equal(type, span_of("linear"))) return rope->kind = ROPE_LINEAR, true;
  return error_set(error, ERROR_UNSUPPORTED, reader->name,
                   "%s is \"%.*s\", expected none, linear or yarn", key,
                   (int)(type.size < 64 ? type.size : 64), type.data);
}

static bool read_rope(const Reader *reader, Arena *arena, ModelConfig *config, Error *error) {
  RopeConfig *rope = &config->rope;
  *rope = (RopeConfig){.factor = 1.0, .attention_factor = 1.0};
  if (config->learned_positions) return true;
  rope->kind = ROPE_DEFAULT;
  rope->dimensions = config->head_dim;
  rope->theta = 10000.0; // the format's default, whatever the family's
  rope->original_positions = config->max_positions;
  if (!read_integer_or(reader, "rope.dimension_count", CONFIG_MAX_HEAD_DIM, &rope->dimensions,
                       error) ||
      !read_number_or(reader, "rope.freq_base", 1.001, 1e15, &rope->theta, error) ||
      !read_scaling(reader, rope, error))
    return false;
  if (family_facts(config->family)->gguf_interleaved && rope->dimensions != config->head_dim)
    return error_set(error, ERROR_UNSUPPORTED, reader->name,
                     "rope.dimension_count is %" PRId64 ", expected head_dim, %" PRId64,
                     rope->dimensions, config->head_dim);
  const Tensor *factors = checkpoint_find(&reader->gguf->checkpoint, "rope_freqs.weight");
  return !factors || read_factors(reader, factors, arena, rope, error);
}

static bool read_token(const Reader *reader, const char *key, int64_t *id, Error *error) {
  return gguf_metadata_integer_or(&reader->gguf->metadata, key, -1, UINT32_MAX, id, error);
}

static bool read_tokens(const Reader *reader, ModelConfig *config, Error *error) {
  static const char *const stops[] = {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                                      "tokenizer.ggml.eom_token_id"};
  if (!read_token(reader, "tokenizer.ggml.bos_token_id", &config->bos_id, error)) return false;
  if (config->bos_id > INT32_MAX) config->bos_id = -1;
  for (size_t i = 0; i < COUNT_OF(stops); i++) {
    int64_t id = -1;
    if (!read_token(reader, stops[i], &id, error)) return false;
    // All bits set is how some writers say "none".
    if (id >= 0 && id <= INT32_MAX) config->stop_ids[config->stop_count++] = (int32_t)id;
  }
  return true;
}

bool gguf_config(const Gguf *gguf, const char *name, Arena *arena, ModelConfig *config,
                 Error *error) {
  *config = (ModelConfig){.bos_id = -1};
  if (!read_architecture(gguf, name, arena, config, error)) return false;
  Reader reader = {gguf, name, config->name};
  return read_sizes(&reader, config, error) && check_value_length(&reader, config, error) &&
         read_layer_kind(&reader, config, error) && read_layers(&reader, arena, config, error) &&
         read_rope(&reader, arena, config, error) && read_tokens(&reader, config, error) &&
         config_check(config, name, error);
}
