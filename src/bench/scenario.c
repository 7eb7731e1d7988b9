// SPDX-License-Identifier: Apache-2.0
#include "bench/scenario.h"
#include "bench/scenario_name.h"
#include "tensor/dtype.h"
#include <inttypes.h>
#include <string.h>

// Those over pages are what continuous batching makes of the others, and may be named as such.
static const char *const attentions[] = {
    "eager",       "sdpa",       "flash_attention_2",       "flex_attention",
    "paged|eager", "paged|sdpa", "paged|flash_attention_2", "paged|flex_attention"};
static const char *const backends[] = {"", "math", "flash_attention", "efficient_attention",
                                       "cudnn_attention"};

Scenario scenario_standard(void) {
  return (Scenario){
      .warmup_iterations = 5,
      .measurement_iterations = 20,
      .gpu_monitoring = true,
      .batch_size = 1,
      .sequence_length = 128,
      .num_tokens_to_generate = 128,
      .attn_implementation = "eager",
      .dtype = "bfloat16",
  };
}

bool scenario_set_word(char *field, const char *text, const char *where, Error *error) {
  if (strlen(text) >= SCENARIO_WORD_SIZE)
    return error_set(error, ERROR_ARGUMENT, where, "\"%.50s…\" is longer than %d bytes", text,
                     SCENARIO_WORD_SIZE - 1);
  memcpy(field, text, strlen(text) + 1);
  return true;
}

static bool check_range(const char *where, const char *field, int64_t value, int64_t least,
                        int64_t most, Error *error) {
  if (value >= least && value <= most) return true;
  return error_set(error, ERROR_ARGUMENT, where,
                   "%s is %" PRId64 ", expected %" PRId64 " to %" PRId64, field, value, least,
                   most);
}

static bool check_word(const char *where, const char *field, const char *value,
                       const char *const *words, size_t count, Error *error) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(words[i], value) == 0) return true;
  return error_set(error, ERROR_ARGUMENT, where, "unknown %s \"%s\"", field, value);
}

static bool check_dtype(const char *where, const char *name, Error *error) {
  Dtype dtype;
  if (dtype_by_name(name, &dtype) && dtype_is_compute(dtype)) return true;
  return error_set(error, ERROR_ARGUMENT, where,
                   "dtype is \"%s\", expected float32, bfloat16 or float16", name);
}

static bool check_mask(const char *where, const char *mask, Error *error) {
  CpuTier tier;
  if (!mask[0] || cpu_tier_by_name(mask, &tier)) return true;
  return error_set(error, ERROR_ARGUMENT, where,
                   "cpu_mask is \"%s\", expected reference, avx2, avx512, avx512_bf16 or amx_bf16",
                   mask);
}

static bool check_tokens(const Scenario *scenario, const char *where, Error *error) {
  if (scenario->num_tokens_to_generate == 1)
    return error_set(error, ERROR_ARGUMENT, where,
                     "num_tokens_to_generate is 1, expected at least 2: with one token there is no "
                     "inter-token latency");
  return check_range(where, "num_tokens_to_generate", scenario->num_tokens_to_generate, 2,
                     SCENARIO_MAX_TOKENS, error) &&
         check_range(where, "sequence_length", scenario->sequence_length, 1, SCENARIO_MAX_TOKENS,
                     error) &&
         check_range(where, "depth", scenario->depth, 0, SCENARIO_MAX_TOKENS, error);
}

bool scenario_check(const Scenario *scenario, const char *where, Error *error) {
  return check_range(where, "warmup_iterations", scenario->warmup_iterations, 0,
                     SCENARIO_MAX_ITERATIONS, error) &&
         check_range(where, "measurement_iterations", scenario->measurement_iterations, 1,
                     SCENARIO_MAX_ITERATIONS, error) &&
         check_range(where, "batch_size", scenario->batch_size, 1, SCENARIO_MAX_BATCH, error) &&
         check_tokens(scenario, where, error) &&
         check_range(where, "threads", scenario->threads, 0, 1024, error) &&
         check_word(where, "attn_implementation", scenario->attn_implementation, attentions,
                    COUNT_OF(attentions), error) &&
         check_word(where, "sdpa_backend", scenario->sdpa_backend, backends, COUNT_OF(backends),
                    error) &&
         check_mask(where, scenario->cpu_mask, error) && check_dtype(where, scenario->dtype, error);
}

// The order of the keys is the peer's: the hash depends on it.
json_t *scenario_config(const Scenario *scenario) {
  char name[SCENARIO_NAME_SIZE];
  json_t *object = json_object();
  json_object_set_new(object, "name", json_string(scenario_name(scenario, name)));
  json_object_set_new(object, "warmup_iterations", json_integer(scenario->warmup_iterations));
  json_object_set_new(object, "measurement_iterations",
                      json_integer(scenario->measurement_iterations));
  json_object_set_new(object, "gpu_monitoring", json_boolean(scenario->gpu_monitoring));
  json_object_set_new(object, "continuous_batching", json_boolean(scenario->continuous_batching));
  json_object_set_new(object, "batch_size", json_integer(scenario->batch_size));
  json_object_set_new(object, "sequence_length", json_integer(scenario->sequence_length));
  json_object_set_new(object, "num_tokens_to_generate",
                      json_integer(scenario->num_tokens_to_generate));
  json_object_set_new(object, "attn_implementation", json_string(scenario->attn_implementation));
  json_object_set_new(object, "compile_kwargs", compile_kwargs_json(&scenario->compile));
  json_object_set_new(object, "kernelize", json_boolean(scenario->kernelize));
  return object;
}

CpuTier scenario_tier(const Scenario *scenario) {
  return cpu_chosen_tier(scenario->cpu_mask);
}

static json_t *word_or_null(const char *word) {
  return word[0] ? json_string(word) : json_null();
}

json_t *scenario_json(const Scenario *scenario) {
  json_t *object = scenario_config(scenario);
  json_object_set_new(object, "depth", json_integer(scenario->depth));
  json_object_set_new(object, "dtype", json_string(scenario->dtype));
  json_object_set_new(object, "device", word_or_null(scenario->device));
  json_object_set_new(object, "threads",
                      scenario->threads ? json_integer(scenario->threads) : json_null());
  json_object_set_new(object, "cpu_mask", word_or_null(scenario->cpu_mask));
  json_object_set_new(object, "sdpa_backend", word_or_null(scenario->sdpa_backend));
  json_object_set_new(object, "skip_validity_check", json_boolean(scenario->skip_validity_check));
  return object;
}
