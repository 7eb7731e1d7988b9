// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/model_facts.h"

static json_t *warnings_of(const Model *model) {
  json_t *warnings = json_array();
  for (int i = 0; i < model_warning_count(model); i++) {
    json_t *text = json_string(model_warning(model, i));
    json_array_append_new(warnings, text ? text : json_string("a warning that is no UTF-8"));
  }
  return warnings;
}

json_t *model_facts(const Model *model) {
  const ModelConfig *config = model_config(model);
  return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:I, s:o, s:o}",
                   "family", family_name(config->family), "dtype", dtype_name(model_dtype(model)),
                   "weights", (json_int_t)config_weights(config), "vocabulary",
                   (json_int_t)config->vocabulary, "hidden", (json_int_t)config->hidden, "layers",
                   (json_int_t)config->layers, "heads", (json_int_t)config->heads, "kv_heads",
                   (json_int_t)config->kv_heads, "head_dim", (json_int_t)config->head_dim,
                   "intermediate", (json_int_t)config->intermediate, "gated", config->gated,
                   "max_positions", (json_int_t)config->max_positions, "position_limit",
                   config->learned_positions ? json_integer(config->max_positions) : json_null(),
                   "warnings", warnings_of(model));
}
