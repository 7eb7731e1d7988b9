// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/feasibility.h"
#include "device/host.h"
#include <inttypes.h>
#include <stdio.h>

static int64_t memory_now(void) {
  Host host;
  host_read("", &host);
  int64_t bytes = host_memory_left(&host);
  host_free(&host);
  return bytes;
}

bool feasibility_read(const Field *made, Feasibility *feasibility, Error *error) {
  Field model = field_get(made, "model"), limit = field_get(&model, "position_limit"),
        held = field_get(made, "weight_bytes");
  *feasibility = (Feasibility){0};
  if (!memory_facts_read(&model, &feasibility->facts, error) ||
      !field_integer_or(&limit, 1, INT32_MAX, &feasibility->position_limit, error) ||
      !field_integer(&held, 0, INT64_MAX / 2, &feasibility->weights_held, error))
    return false;
  int64_t now = memory_now();
  feasibility->available = now > 0 ? now + feasibility->weights_held : 0;
  return true;
}

Feasibility feasibility_expected(const ModelConfig *config) {
  return (Feasibility){.facts = memory_facts_of(config),
                       .position_limit = config->learned_positions ? config->max_positions : 0,
                       .available = memory_now()};
}

static bool check_positions(const Feasibility *feasibility, const Scenario *scenario,
                            Error *error) {
  char depth[48] = "";
  int64_t tokens = scenario->depth + scenario->sequence_length + scenario->num_tokens_to_generate;
  if (feasibility->position_limit == 0 || tokens <= feasibility->position_limit) return true;
  if (scenario->depth) snprintf(depth, sizeof depth, "--depth %" PRId64 " + ", scenario->depth);
  return error_set(error, ERROR_ARGUMENT, NULL,
                   "%s--sequence-length %" PRId64 " + --num-tokens-to-generate %" PRId64
                   " is %" PRId64 ", but the model has %" PRId64 " positions",
                   depth, scenario->sequence_length, scenario->num_tokens_to_generate, tokens,
                   feasibility->position_limit);
}

static double gibibytes(int64_t bytes) {
  return (double)bytes / (1 << 30);
}

static int decimals(int64_t bytes) {
  return gibibytes(bytes) < 100;
}

static bool check_memory(const Feasibility *feasibility, const char *what, int64_t bytes,
                         const char *flags, Error *error) {
  int64_t available = feasibility->available;
  if (available == 0 || bytes <= available) return true;
  return error_set(
      error, ERROR_MEMORY, NULL, "%s about %.*f GiB of memory, %.*f GiB are available: lower %s",
      what, decimals(bytes), gibibytes(bytes), decimals(available), gibibytes(available), flags);
}

bool feasibility_check(const Feasibility *feasibility, const Scenario *scenario, Error *error) {
  MemoryShape shape;
  if (!memory_shape_of(scenario, &shape, error)) return false;
  MemoryEstimate estimate = memory_estimate_of(&feasibility->facts, &shape);
  return check_positions(feasibility, scenario, error) &&
         check_memory(feasibility, "needs", memory_estimate_total(&estimate),
                      scenario->depth ? "--batch-size, --depth or --sequence-length"
                                      : "--batch-size or --sequence-length",
                      error);
}

bool feasibility_check_reference(const Feasibility *feasibility, Dtype dtype, int64_t depth,
                                 int64_t prompt_length, int64_t new_tokens, Error *error) {
  MemoryShape shape = {1, depth, prompt_length, new_tokens, DTYPE_F32, true};
  MemoryEstimate estimate = memory_estimate_of(&feasibility->facts, &shape);
  int64_t bytes = memory_estimate_total(&estimate);
  // Weights of another dtype stay in memory beside those of the reference.
  bool beside = dtype != DTYPE_F32;
  if (beside && __builtin_add_overflow(bytes, feasibility->weights_held, &bytes)) bytes = INT64_MAX;
  return check_memory(feasibility, "the float32 reference needs", bytes,
                      depth ? "--depth or --sequence-length" : "--sequence-length", error);
}
