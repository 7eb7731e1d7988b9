// SPDX-License-Identifier: Apache-2.0
// A config.json of any bytes is refused with a message, or gives a configuration whose every size
// is within its limits and whose weights can be planned.
#include "model/weight_plan.h"
#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool holds) {
  if (!holds) abort();
}

static void use(const ModelConfig *config, Arena *arena) {
  Error error = {0};
  WeightPlan plan;
  require(config_check(config, "again", &error));
  require(isfinite(config->attention_scale) && isfinite(config->rope.attention_factor));
  for (int64_t i = 0; i < config->layers; i++) require(config->layer[i].window >= 0);
  weight_plan_build(&plan, config, DTYPE_BF16, !config->tied, arena);
  require(plan.bytes > config_weights(config));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  Error error = {0};
  ModelConfig config;
  Arena *arena = arena_open(0);
  if (config_parse(bytes, size, "config.json", arena, &config, &error)) {
    use(&config, arena);
    if (!config_parse_generation(bytes, size, "generation_config.json", &config, &error)) abort();
  } else
    require(error.code != ERROR_NONE && error.message[0]);
  arena_close(arena);
  return 0;
}
