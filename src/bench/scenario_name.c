// SPDX-License-Identifier: Apache-2.0
#include "bench/scenario_name.h"
#include "base/python_json.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char standard_dtype[] = "bfloat16";

static void add_suffix(char *name, const char *key, const char *value) {
  size_t length = strlen(name);
  snprintf(name + length, SCENARIO_NAME_SIZE - length, "-%s_%s", key, value);
}

static void add_count(char *name, const char *key, int64_t value) {
  char digits[24];
  snprintf(digits, sizeof digits, "%" PRId64, value);
  if (value) add_suffix(name, key, digits);
}

static void add_suffixes(const Scenario *scenario, char *name) {
  if (strcmp(scenario->dtype, standard_dtype) != 0) add_suffix(name, "dtype", scenario->dtype);
  if (scenario->device[0]) add_suffix(name, "device", scenario->device);
  add_count(name, "threads", scenario->threads);
  if (scenario->cpu_mask[0]) add_suffix(name, "cpu", scenario->cpu_mask);
  if (scenario->sdpa_backend[0]) add_suffix(name, "sdpa", scenario->sdpa_backend);
  add_count(name, "depth", scenario->depth);
}

char *scenario_compact_name(const Scenario *scenario, char buffer[SCENARIO_NAME_SIZE]) {
  const CompileKwargs *compile = &scenario->compile;
  snprintf(buffer, SCENARIO_NAME_SIZE,
           "w%" PRId64 "_i%" PRId64 "-%s-b%" PRId64 "_s%" PRId64 "_n%" PRId64 "-%s-%s%s-%s-%s",
           scenario->warmup_iterations, scenario->measurement_iterations,
           scenario->gpu_monitoring ? "monitored" : "unmonitored", scenario->batch_size,
           scenario->sequence_length, scenario->num_tokens_to_generate,
           scenario->attn_implementation, compile->compiled ? "compiled_" : "uncompiled",
           compile->compiled ? compile->mode : "",
           scenario->kernelize ? "kernelized" : "unkernelized",
           scenario->continuous_batching ? "cb" : "generate");
  add_suffixes(scenario, buffer);
  return buffer;
}

char *scenario_name(const Scenario *scenario, char buffer[SCENARIO_NAME_SIZE]) {
  if (scenario->name[0]) return memcpy(buffer, scenario->name, SCENARIO_NAME_SIZE);
  return scenario_compact_name(scenario, buffer);
}

char *scenario_verbose_name(const Scenario *scenario, char buffer[SCENARIO_NAME_SIZE]) {
  snprintf(buffer, SCENARIO_NAME_SIZE,
           "%" PRId64 " warmup, %" PRId64 " iterations, %s GPU monitoring, batch size %" PRId64
           ", sequence length %" PRId64 ", %" PRId64 " generated tokens, %s attention, %s, %s, %s",
           scenario->warmup_iterations, scenario->measurement_iterations,
           scenario->gpu_monitoring ? "with" : "no", scenario->batch_size,
           scenario->sequence_length, scenario->num_tokens_to_generate,
           scenario->attn_implementation, scenario->compile.compiled ? "compiled" : "not compiled",
           scenario->kernelize ? "kernelized" : "not kernelized",
           scenario->continuous_batching ? "continuous batching" : "regular generate");
  return buffer;
}

char *scenario_label(const Scenario *scenario, char buffer[SCENARIO_NAME_SIZE]) {
  const CompileKwargs *compile = &scenario->compile;
  char depth[40] = "";
  if (scenario->depth) snprintf(depth, sizeof depth, " at depth %" PRId64, scenario->depth);
  snprintf(buffer, SCENARIO_NAME_SIZE,
           "%s%s%s, batch %" PRId64 ", %" PRId64 " + %" PRId64 " tokens%s, %s%s%s%s%s",
           scenario->attn_implementation, scenario->sdpa_backend[0] ? " " : "",
           scenario->sdpa_backend, scenario->batch_size, scenario->sequence_length,
           scenario->num_tokens_to_generate, depth, scenario->dtype,
           compile->compiled ? ", compiled " : "", compile->compiled ? compile->mode : "",
           scenario->kernelize ? ", kernelized" : "",
           scenario->continuous_batching ? ", continuous batching" : "");
  return buffer;
}

bool scenario_hash(const Scenario *scenario, char hex[SHA256_HEX_SIZE], Error *error) {
  Text text = {0};
  json_t *config = scenario_config(scenario);
  python_json_append(&text, config, PYTHON_JSON_LINE);
  bool done = sha256_bytes(text.data, text.size, hex, error);
  json_decref(config);
  text_free(&text);
  return done;
}
