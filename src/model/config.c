// SPDX-License-Identifier: Apache-2.0
#include "model/config.h"
#include "base/document.h"
#include "model/family.h"
#include "model/rope_config.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

// How the sizes are spelled: gpt2 has names of its own, and reads the usual ones too.
typedef struct {
  const char *hidden, *layers, *heads, *intermediate, *positions, *epsilon, *activation;
} SizeNames;

static const SizeNames usual_names = {
    "hidden_size",       "num_hidden_layers",       "num_attention_heads",
    "intermediate_size", "max_position_embeddings", "rms_norm_eps",
    "hidden_act",
};
static const SizeNames gpt2_names = {
    "n_embd",
    "n_layer",
    "n_head",
    "n_inner",
    "n_positions",
    "layer_norm_epsilon",
    "activation_function",
};

static bool read_required(const Field *root, const char *key, int64_t most, int64_t *out,
                          Error *error) {
  Field field = field_get(root, key);
  return field_integer(&field, 1, most, out, error);
}

static bool read_or(const Field *root, const char *key, int64_t least, int64_t most, int64_t *out,
                    Error *error) {
  Field field = field_get(root, key);
  return field_integer_or(&field, least, most, out, error);
}

static bool read_flag_or(const Field *root, const char *key, bool *out, Error *error) {
  Field field = field_get(root, key);
  return field_boolean_or(&field, out, error);
}

static bool is_true(const Field *root, const char *key) {
  Field field = field_get(root, key);
  return json_is_true(field.value);
}

static bool unsupported_type(const Field *type, const char *name, Error *error) {
  char list[160];
  return error_set(error, ERROR_UNSUPPORTED, type->path, "is \"%.64s\", supported are %s", name,
                   family_list(false, list, sizeof list));
}

// Weights that need more than widening, and models that wrap a decoder in something else.
static bool refuse_other_kinds(const Field *root, const char *type, Error *error) {
  Field quantization = field_get(root, "quantization_config");
  if (field_present(&quantization)) {
    Field method = field_get(&quantization, "quant_method");
    return error_set(error, ERROR_UNSUPPORTED, quantization.path,
                     "weights are quantized (%.64s), expected plain ones",
                     json_is_string(method.value) ? json_string_value(method.value) : "unnamed");
  }
  Field nested = field_get(root, "text_config");
  char list[160];
  if (field_present(&nested))
    return error_set(error, ERROR_UNSUPPORTED, nested.path,
                     "\"%.64s\" nests its decoder inside a larger model, supported are %s alone",
                     type, family_list(false, list, sizeof list));
  if (is_true(root, "add_cross_attention"))
    return error_set(error, ERROR_UNSUPPORTED, root->path,
                     "add_cross_attention is true, expected a decoder without an encoder");
  return true;
}

static bool read_family(const Field *root, Arena *arena, ModelConfig *config, Error *error) {
  Field type = field_get(root, "model_type");
  const char *name;
  if (!field_object(root, error) || !field_text(&type, &name, error) ||
      !refuse_other_kinds(root, name, error))
    return false;
  if (!family_by_name(name, &config->family)) return unsupported_type(&type, name, error);
  config->name = arena_copy_text(arena, name);
  return true;
}

static bool read_head_counts(const Field *root, const SizeNames *names, ModelConfig *config,
                             Error *error) {
  const FamilyFacts *facts = family_facts(config->family);
  if (!read_required(root, names->heads, CONFIG_MAX_HEADS, &config->heads, error)) return false;
  Field kv_heads = field_get(root, "num_key_value_heads");
  bool is_null = json_is_null(kv_heads.value);
  config->kv_heads = !is_null && facts->kv_heads ? facts->kv_heads : config->heads;
  if (is_null && !facts->null_kv_heads)
    return error_set(error, ERROR_FORMAT, kv_heads.path, "is null, expected an integer");
  if (!facts->gpt2_fields &&
      !field_integer_or(&kv_heads, 1, CONFIG_MAX_HEADS, &config->kv_heads, error))
    return false;
  config->head_dim = facts->head_dim ? facts->head_dim : config->hidden / config->heads;
  return facts->gpt2_fields ||
         read_or(root, "head_dim", 1, CONFIG_MAX_HEAD_DIM, &config->head_dim, error);
}

static bool read_sizes(const Field *root, ModelConfig *config, Error *error) {
  const FamilyFacts *facts = family_facts(config->family);
  const SizeNames *names = facts->gpt2_fields ? &gpt2_names : &usual_names;
  if (!read_required(root, "vocab_size", CONFIG_MAX_VOCABULARY, &config->vocabulary, error) ||
      !read_required(root, names->hidden, CONFIG_MAX_WIDTH, &config->hidden, error) ||
      !read_required(root, names->layers, CONFIG_MAX_LAYERS, &config->layers, error) ||
      !read_head_counts(root, names, config, error))
    return false;
  config->intermediate = 4 * config->hidden;
  config->max_positions = facts->max_positions;
  bool read = facts->gpt2_fields ? read_or(root, names->intermediate, 1, CONFIG_MAX_WIDTH,
                                           &config->intermediate, error)
                                 : read_required(root, names->intermediate, CONFIG_MAX_WIDTH,
                                                 &config->intermediate, error);
  return read &&
         read_or(root, names->positions, 1, CONFIG_MAX_POSITIONS, &config->max_positions, error);
}

static bool read_activation(const Field *root, const FamilyFacts *facts, ModelConfig *config,
                            Error *error) {
  Field field =
      field_get(root, facts->gpt2_fields ? gpt2_names.activation : usual_names.activation);
  const char *name = facts->activation;
  if (!field_text_or(&field, &name, error)) return false;
  return activation_by_name(name, &config->activation) ||
         error_set(error, ERROR_UNSUPPORTED, field.path,
                   "is \"%.64s\", expected silu, gelu, gelu_new, relu or another activation that "
                   "transformers names",
                   name);
}

static bool read_biases(const Field *root, const FamilyFacts *facts, ModelConfig *config,
                        Error *error) {
  bool attention = facts->all_biases, mlp = facts->all_biases;
  if (facts->attention_bias_field && !read_flag_or(root, "attention_bias", &attention, error))
    return false;
  if (facts->mlp_bias_field && !read_flag_or(root, "mlp_bias", &mlp, error)) return false;
  config->qkv_bias = attention || facts->qkv_bias;
  config->output_bias = attention;
  config->mlp_bias = mlp;
  return true;
}

static bool read_attention_scale(const Field *root, const FamilyFacts *facts, ModelConfig *config,
                                 Error *error) {
  config->attention_scale = 1.0 / sqrt((double)config->head_dim);
  if (!facts->gpt2_fields) return true;
  bool scaled = true;
  if (!read_flag_or(root, "scale_attn_weights", &scaled, error) ||
      !read_flag_or(root, "scale_attn_by_inverse_layer_idx", &config->scale_by_layer, error))
    return false;
  if (!scaled) config->attention_scale = 1.0;
  return true;
}

static bool read_layer_kind(const Field *root, ModelConfig *config, Error *error) {
  const FamilyFacts *facts = family_facts(config->family);
  config->norm = facts->gpt2_fields ? NORM_LAYER : NORM_RMS;
  config->gated = !facts->gpt2_fields;
  config->learned_positions = facts->gpt2_fields;
  config->qk_norm = facts->qk_norm;
  config->norm_epsilon = facts->epsilon;
  config->tied = facts->tied;
  Field epsilon = field_get(root, facts->gpt2_fields ? gpt2_names.epsilon : usual_names.epsilon);
  if (field_present(&epsilon) && !field_number_in(&epsilon, 0.0, 1.0, &config->norm_epsilon, error))
    return false;
  return read_flag_or(root, "tie_word_embeddings", &config->tied, error) &&
         read_activation(root, facts, config, error) && read_biases(root, facts, config, error) &&
         read_attention_scale(root, facts, config, error);
}

// An array with one element for each layer.
static bool check_layer_list(const Field *list, const ModelConfig *config, Error *error) {
  if (!field_array(list, error)) return false;
  size_t count = field_count(list);
  return count == (size_t)config->layers ||
         error_set(error, ERROR_FORMAT, list->path,
                   "has %zu elements, expected one for each of %" PRId64 " layers", count,
                   config->layers);
}

static bool read_no_rope(const Field *root, const ModelConfig *config, LayerConfig *layers,
                         Error *error) {
  int64_t interval = 4;
  if (!read_or(root, "no_rope_layer_interval", 1, CONFIG_MAX_LAYERS, &interval, error))
    return false;
  for (int64_t i = 0; i < config->layers; i++) layers[i].rope = (i + 1) % interval != 0;
  Field list = field_get(root, "no_rope_layers");
  if (!field_present(&list)) return true;
  if (!check_layer_list(&list, config, error)) return false;
  for (int64_t i = 0; i < config->layers; i++) {
    Field element = field_at(&list, (size_t)i);
    int64_t value;
    if (!field_integer(&element, 0, 1, &value, error)) return false;
    layers[i].rope = value == 1;
  }
  return true;
}

static bool read_layer_types(const Field *types, const ModelConfig *config, int64_t window,
                             LayerConfig *layers, Error *error) {
  if (!check_layer_list(types, config, error)) return false;
  for (int64_t i = 0; i < config->layers; i++) {
    Field element = field_at(types, (size_t)i);
    const char *name;
    if (!field_text(&element, &name, error)) return false;
    bool sliding = strcmp(name, "sliding_attention") == 0;
    if (!sliding && strcmp(name, "full_attention") != 0)
      return error_set(error, ERROR_UNSUPPORTED, element.path,
                       "is \"%.64s\", expected full_attention or sliding_attention", name);
    if (sliding && window == 0)
      return error_set(error, ERROR_FORMAT, element.path,
                       "is sliding_attention, but no sliding_window is in force");
    layers[i].window = sliding ? window : 0;
  }
  return true;
}

// The family's own rule, where layer_types is absent.
static bool apply_window_rule(const Field *root, const ModelConfig *config, int64_t window,
                              bool use_window, LayerConfig *layers, Error *error) {
  WindowRule rule = family_facts(config->family)->window_rule;
  int64_t full_layers = 28;
  if (rule == WINDOW_FROM_LAYER &&
      !read_or(root, "max_window_layers", 0, INT32_MAX, &full_layers, error))
    return false;
  for (int64_t i = 0; i < config->layers; i++) {
    bool slides = rule == WINDOW_ALL ||
                  (rule == WINDOW_FROM_LAYER && use_window && i >= full_layers) ||
                  (rule == WINDOW_NO_ROPE && use_window && !layers[i].rope);
    layers[i].window = slides ? window : 0;
  }
  return true;
}

static bool read_windows(const Field *root, const ModelConfig *config, LayerConfig *layers,
                         Error *error) {
  const FamilyFacts *facts = family_facts(config->family);
  if (facts->window_rule == WINDOW_NEVER) return true;
  Field window = field_get(root, "sliding_window"), types = field_get(root, "layer_types");
  int64_t size = json_is_null(window.value) ? 0 : facts->window;
  bool use_window = false;
  if (!field_integer_or(&window, 1, INT32_MAX, &size, error) ||
      !read_flag_or(root, "use_sliding_window", &use_window, error))
    return false;
  // Qwen2 and Qwen3 forget the window unless told to use it, whatever layer_types says.
  if (facts->window_rule == WINDOW_FROM_LAYER && !use_window) size = 0;
  return facts->layer_types && field_present(&types)
             ? read_layer_types(&types, config, size, layers, error)
             : apply_window_rule(root, config, size, use_window, layers, error);
}

static bool read_layers(const Field *root, Arena *arena, ModelConfig *config, Error *error) {
  const FamilyFacts *facts = family_facts(config->family);
  LayerConfig *layers = arena_allocate(arena, (size_t)config->layers * sizeof *layers);
  config->layer = layers;
  for (int64_t i = 0; i < config->layers; i++) layers[i].rope = !config->learned_positions;
  if (facts->no_rope_layers && !read_no_rope(root, config, layers, error)) return false;
  return read_windows(root, config, layers, error);
}

static bool add_stop_id(const Field *field, ModelConfig *config, Error *error) {
  int64_t id;
  if (!field_integer(field, -1, INT32_MAX, &id, error)) return false;
  if (id < 0) return true; // some files say "none" this way
  if (config->stop_count == CONFIG_MAX_STOP_IDS)
    return error_set(error, ERROR_FORMAT, field->path, "is one of too many, expected at most %d",
                     CONFIG_MAX_STOP_IDS);
  config->stop_ids[config->stop_count++] = (int32_t)id;
  return true;
}

// An integer or a list of them; absent or null leaves what is there.
static bool read_stop_ids(const Field *root, ModelConfig *config, Error *error) {
  Field ids = field_get(root, "eos_token_id");
  if (!field_present(&ids)) return true;
  config->stop_count = 0;
  if (!json_is_array(ids.value)) return add_stop_id(&ids, config, error);
  for (size_t i = 0; i < field_count(&ids); i++) {
    Field id = field_at(&ids, i);
    if (!add_stop_id(&id, config, error)) return false;
  }
  return true;
}

static bool read_root(const Field *root, const char *name, Arena *arena, ModelConfig *config,
                      Error *error) {
  *config = (ModelConfig){.bos_id = -1, .rope = {.factor = 1.0, .attention_factor = 1.0}};
  if (!read_family(root, arena, config, error) || !read_sizes(root, config, error) ||
      !read_layer_kind(root, config, error) || !read_layers(root, arena, config, error) ||
      !read_or(root, "bos_token_id", -1, INT32_MAX, &config->bos_id, error) ||
      !read_stop_ids(root, config, error))
    return false;
  return (config->learned_positions || rope_config_parse(root, config, error)) &&
         config_check(config, name, error);
}

bool config_parse(const void *bytes, size_t size, const char *name, Arena *arena,
                  ModelConfig *config, Error *error) {
  json_t *document = document_parse(bytes, size, name, error);
  if (!document) return false;
  Field root = field_root(document, name);
  bool read = read_root(&root, name, arena, config, error);
  json_decref(document);
  return read;
}

bool config_parse_generation(const void *bytes, size_t size, const char *name, ModelConfig *config,
                             Error *error) {
  json_t *document = document_parse(bytes, size, name, error);
  if (!document) return false;
  Field root = field_root(document, name);
  bool read = field_object(&root, error) && read_stop_ids(&root, config, error);
  json_decref(document);
  return read;
}

static bool check_size(int64_t value, int64_t most, const char *what, const char *name,
                       Error *error) {
  return (value >= 1 && value <= most) ||
         error_set(error, ERROR_FORMAT, name, "%s is %" PRId64 ", expected 1 to %" PRId64, what,
                   value, most);
}

static bool check_heads(const ModelConfig *config, const char *name, Error *error) {
  if (!check_size(config->heads, CONFIG_MAX_HEADS, "number of heads", name, error) ||
      !check_size(config->kv_heads, config->heads, "number of key/value heads", name, error) ||
      !check_size(config->head_dim, CONFIG_MAX_HEAD_DIM, "head_dim", name, error) ||
      !check_size(config->heads * config->head_dim, CONFIG_MAX_WIDTH, "heads x head_dim", name,
                  error))
    return false;
  if (config->heads % config->kv_heads != 0)
    return error_set(error, ERROR_FORMAT, name,
                     "%" PRId64 " heads for %" PRId64 " key/value heads, expected a multiple",
                     config->heads, config->kv_heads);
  // Without rotary embedding nothing splits a head, but gpt2's width is that of its heads.
  if (config->learned_positions && config->heads * config->head_dim != config->hidden)
    return error_set(error, ERROR_FORMAT, name,
                     "hidden size is %" PRId64 ", expected a multiple of %" PRId64 " heads",
                     config->hidden, config->heads);
  return true;
}

static bool check_rope(const ModelConfig *config, const char *name, Error *error) {
  const RopeConfig *rope = &config->rope;
  if (rope->kind == ROPE_NONE) return true;
  if (rope->dimensions < 2 || rope->dimensions % 2 != 0 || rope->dimensions > config->head_dim)
    return error_set(error, ERROR_FORMAT, name,
                     "rotated dimensions are %" PRId64 ", expected an even number up to %" PRId64,
                     rope->dimensions, config->head_dim);
  // Its frequencies have d - 2 in the denominator of an exponent.
  if (rope->kind == ROPE_DYNAMIC && rope->dimensions < 4)
    return error_set(error, ERROR_FORMAT, name,
                     "rotated dimensions are 2, expected at least 4 for dynamic scaling");
  return true;
}

bool config_check(const ModelConfig *config, const char *name, Error *error) {
  return check_size(config->vocabulary, CONFIG_MAX_VOCABULARY, "vocabulary", name, error) &&
         check_size(config->hidden, CONFIG_MAX_WIDTH, "hidden size", name, error) &&
         check_size(config->intermediate, CONFIG_MAX_WIDTH, "intermediate size", name, error) &&
         check_size(config->layers, CONFIG_MAX_LAYERS, "number of layers", name, error) &&
         check_size(config->max_positions, CONFIG_MAX_POSITIONS, "number of positions", name,
                    error) &&
         check_heads(config, name, error) && check_rope(config, name, error);
}

static int64_t matrix_parameters(int64_t rows, int64_t columns, bool bias) {
  return rows * columns + (bias ? rows : 0);
}

int64_t config_weights(const ModelConfig *config) {
  int64_t hidden = config->hidden, inner = config->intermediate;
  int64_t query = config->heads * config->head_dim, key = config->kv_heads * config->head_dim;
  int64_t norm = config->norm == NORM_LAYER ? 2 * hidden : hidden;
  int64_t layer = 2 * norm + (config->qk_norm ? 2 * config->head_dim : 0) +
                  matrix_parameters(query + 2 * key, hidden, config->qkv_bias) +
                  matrix_parameters(hidden, query, config->output_bias) +
                  (config->gated ? 2 : 1) * matrix_parameters(inner, hidden, config->mlp_bias) +
                  matrix_parameters(hidden, inner, config->mlp_bias);
  int64_t embeddings = config->vocabulary * hidden * (config->tied ? 1 : 2) +
                       (config->learned_positions ? config->max_positions * hidden : 0);
  return embeddings + norm + config->layers * layer;
}

bool config_check_ids(const ModelConfig *config, const int32_t *ids, int64_t count, Error *error) {
  for (int64_t i = 0; i < count; i++)
    if (ids[i] < 0 || ids[i] >= config->vocabulary)
      return error_set(error, ERROR_ARGUMENT, "ids",
                       "id %d at place %lld is outside the vocabulary of %lld", ids[i],
                       (long long)i, (long long)config->vocabulary);
  return true;
}
