// SPDX-License-Identifier: Apache-2.0
#include "model/rope_config.h"
#include "model/family.h"
#include <math.h>
#include <string.h>

static const struct {
  const char *name;
  RopeKind kind;
} rope_types[] = {
    {"default", ROPE_DEFAULT}, {"linear", ROPE_LINEAR}, {"dynamic", ROPE_DYNAMIC},
    {"llama3", ROPE_LLAMA3},   {"yarn", ROPE_YARN},     {"mrope", ROPE_DEFAULT}, // of text alone
};

static const double most_factor = 1e6;

static bool non_empty_object(const Field *field) {
  return json_is_object(field->value) && json_object_size(field->value) > 0;
}

// rope_parameters may be keyed by layer type. The families here have one rotary embedding for all
// layers, so two different entries cannot be honoured.
static bool settings_of_layer_types(Field *settings, Error *error) {
  Field full = field_get(settings, "full_attention");
  Field sliding = field_get(settings, "sliding_attention");
  bool has_full = json_is_object(full.value), has_sliding = json_is_object(sliding.value);
  if (!has_full && !has_sliding) return true;
  if (has_full && has_sliding && !json_equal(full.value, sliding.value))
    return error_set(error, ERROR_UNSUPPORTED, settings->path,
                     "full_attention and sliding_attention differ, expected the same settings");
  *settings = has_full ? full : sliding;
  return true;
}

// The object that holds the settings; its value is NULL where the file has none.
static bool find_settings(const Field *root, Field *settings, Error *error) {
  Field scaling = field_get(root, "rope_scaling"), parameters = field_get(root, "rope_parameters");
  if (field_present(&scaling) && !field_object(&scaling, error)) return false;
  if (field_present(&parameters) && !field_object(&parameters, error)) return false;
  *settings = non_empty_object(&scaling) ? scaling : parameters;
  return settings_of_layer_types(settings, error);
}

static bool read_kind(const Field *settings, RopeKind *kind, Error *error) {
  Field type = field_get(settings, "rope_type");
  if (!field_present(&type)) type = field_get(settings, "type");
  const char *name = "default";
  if (!field_text_or(&type, &name, error)) return false;
  for (size_t i = 0; i < COUNT_OF(rope_types); i++)
    if (strcmp(rope_types[i].name, name) == 0) return *kind = rope_types[i].kind, true;
  return error_set(error, ERROR_UNSUPPORTED, type.path,
                   "is \"%.64s\", expected default, linear, dynamic, llama3, yarn or mrope", name);
}

static bool read_number(const Field *settings, const char *key, double least, double most,
                        double *out, Error *error) {
  Field field = field_get(settings, key);
  return field_number_in(&field, least, most, out, error);
}

static bool read_number_or(const Field *settings, const char *key, double least, double most,
                           double *out, Error *error) {
  Field field = field_get(settings, key);
  return !field_present(&field) || field_number_in(&field, least, most, out, error);
}

static bool read_theta(const Field *root, const Field *settings, RopeConfig *rope, Error *error) {
  return read_number_or(root, "rope_theta", 1.001, 1e15, &rope->theta, error) &&
         read_number_or(settings, "rope_theta", 1.001, 1e15, &rope->theta, error);
}

static bool read_original(const Field *root, const Field *settings, RopeConfig *rope,
                          Error *error) {
  static const char *const key = "original_max_position_embeddings";
  Field outer = field_get(root, key), inner = field_get(settings, key);
  const Field *field = field_present(&outer) ? &outer : &inner;
  return field_integer_or(field, 1, CONFIG_MAX_POSITIONS, &rope->original_positions, error);
}

static bool read_llama3(const Field *settings, RopeConfig *rope, Error *error) {
  if (!read_number(settings, "factor", 1e-6, most_factor, &rope->factor, error) ||
      !read_number(settings, "low_freq_factor", 1e-6, most_factor, &rope->low_frequency_factor,
                   error) ||
      !read_number(settings, "high_freq_factor", 1e-6, most_factor, &rope->high_frequency_factor,
                   error))
    return false;
  if (rope->high_frequency_factor > rope->low_frequency_factor) return true;
  return error_set(error, ERROR_FORMAT, settings->path,
                   "high_freq_factor is %g, expected more than low_freq_factor, %g",
                   rope->high_frequency_factor, rope->low_frequency_factor);
}

static double yarn_scale(double factor, double mscale) {
  return factor <= 1.0 ? 1.0 : 0.1 * mscale * log(factor) + 1.0;
}

double rope_yarn_attention_factor(const RopeConfig *rope) {
  if (rope->mscale != 0.0 && rope->mscale_all_dimensions != 0.0)
    return yarn_scale(rope->factor, rope->mscale) /
           yarn_scale(rope->factor, rope->mscale_all_dimensions);
  return yarn_scale(rope->factor, 1.0);
}

static bool read_yarn_factor(const Field *settings, int64_t max_positions, RopeConfig *rope,
                             Error *error) {
  Field factor = field_get(settings, "factor");
  // An explicit null stands for the ratio of the two lengths; a missing key for a broken file.
  if (json_is_null(factor.value)) {
    rope->factor = (double)max_positions / (double)rope->original_positions;
    return true;
  }
  return field_number_in(&factor, 1e-6, most_factor, &rope->factor, error);
}

static bool read_yarn(const Field *settings, int64_t max_positions, RopeConfig *rope,
                      Error *error) {
  rope->beta_fast = 32.0;
  rope->beta_slow = 1.0;
  rope->truncate = true;
  Field truncate = field_get(settings, "truncate");
  if (!read_yarn_factor(settings, max_positions, rope, error) ||
      !read_number_or(settings, "beta_fast", 1e-6, most_factor, &rope->beta_fast, error) ||
      !read_number_or(settings, "beta_slow", 1e-6, most_factor, &rope->beta_slow, error) ||
      !read_number_or(settings, "mscale", 0.0, most_factor, &rope->mscale, error) ||
      !read_number_or(settings, "mscale_all_dim", 0.0, most_factor, &rope->mscale_all_dimensions,
                      error) ||
      !field_boolean_or(&truncate, &rope->truncate, error))
    return false;
  rope->attention_factor = rope_yarn_attention_factor(rope);
  return read_number_or(settings, "attention_factor", 1e-6, most_factor, &rope->attention_factor,
                        error);
}

bool rope_config_parse(const Field *root, ModelConfig *config, Error *error) {
  RopeConfig *rope = &config->rope;
  *rope = (RopeConfig){.dimensions = config->head_dim,
                       .theta = family_facts(config->family)->theta,
                       .factor = 1.0,
                       .original_positions = config->max_positions,
                       .attention_factor = 1.0};
  Field settings;
  if (!find_settings(root, &settings, error) || !read_kind(&settings, &rope->kind, error) ||
      !read_theta(root, &settings, rope, error))
    return false;
  switch (rope->kind) {
  case ROPE_LINEAR:
  case ROPE_DYNAMIC:
    return read_number(&settings, "factor", 1e-6, most_factor, &rope->factor, error);
  case ROPE_LLAMA3:
    return read_original(root, &settings, rope, error) && read_llama3(&settings, rope, error);
  case ROPE_YARN:
    return read_original(root, &settings, rope, error) &&
           read_yarn(&settings, config->max_positions, rope, error);
  case ROPE_NONE:
  case ROPE_DEFAULT:
  case ROPE_FACTORS: return true;
  }
  return true;
}
