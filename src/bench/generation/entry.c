// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/entry.h"
#include "base/clock.h"
#include "bench/generation/answer.h"
#include "bench/generation/entry_statistics.h"
#include "bench/trust.h"
#include <stdio.h>

static json_t *text_or_null(const char *text) {
  json_t *string = text[0] ? json_string(text) : NULL;
  return string ? string : json_null();
}

// The peer's keys; the machine here has no GPU, Python or torch, which is null, not made up.
static json_t *hardware_info(const EntryFacts *facts) {
  const json_t *machine = json_object_get(facts->trust, "machine");
  const json_t *cores = json_object_get(machine, "cores_online");
  const json_t *memory = json_object_get(machine, "memory_bytes");
  json_int_t megabytes = json_integer_value(memory) / (1 << 20);
  return json_pack("{s:n, s:n, s:n, s:n, s:n, s:O?, s:o, s:O?}", "gpu_name", "gpu_memory_total_gb",
                   "python_version", "torch_version", "cuda_version", "cpu_count", cores,
                   "memory_total_mb", megabytes > 0 ? json_integer(megabytes) : json_null(),
                   "cpu_name", json_object_get(machine, "processor"));
}

static json_t *metadata(const EntryFacts *facts, bool success) {
  char timestamp[40];
  clock_iso8601(timestamp, sizeof timestamp);
  const Repository *repository = &facts->repository;
  return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:b}", "model_id", text_or_null(facts->model_id),
                   "timestamp", timestamp, "branch_name", text_or_null(repository->branch),
                   "commit_id", text_or_null(repository->commit), "commit_message",
                   text_or_null(repository->message), "hardware_info", hardware_info(facts),
                   "success", success);
}

// "(1, 32) | text" for each iteration.
static json_t *shapes_and_outputs(const EntryFacts *facts, const Answer *answer) {
  json_t *outputs = json_array();
  for (int64_t i = 0; i < answer->iterations; i++) {
    const int32_t *ids = answer->ids + i * answer->new_tokens;
    Text text = {0};
    text_append_format(&text, "(%lld, %lld) | ", (long long)answer->batch,
                       (long long)answer->new_tokens);
    size_t prefix = text.size;
    if (!facts->decoder ||
        !facts->decoder(facts->decoder_context, ids, answer->new_tokens, &text)) {
      text.size = prefix;
      for (int64_t j = 0; j < answer->new_tokens; j++)
        text_append_format(&text, j ? " %d" : "%d", ids[j]);
    }
    json_t *string = json_stringn(text.data, text.size);
    json_array_append_new(outputs, string ? string : json_string("output that is no UTF-8"));
    text_free(&text);
  }
  return outputs;
}

// Monitoring was asked for and there is no GPU: one record an iteration says so, as the peer's do.
static json_t *gpu_metrics(const Scenario *scenario, int64_t iterations) {
  if (!scenario->gpu_monitoring) return json_null();
  json_t *records = json_array();
  for (int64_t i = 0; i < iterations; i++)
    json_array_append_new(records, json_pack("{s:[], s:[], s:[], s:f, s:s}", "utilization",
                                             "memory_used", "timestamps", "timestamp_0", 0.0,
                                             "monitoring_status", "no_gpus_available"));
  return records;
}

static json_t *timestamps(const Answer *answer) {
  json_t *iterations = json_array();
  const int64_t *at = answer->times;
  for (int64_t i = 0; i < answer->iterations; i++) {
    json_t *sequences = json_array();
    for (int64_t j = 0; j < answer->batch; j++) {
      json_t *tokens = json_array();
      for (int64_t k = 0; k < answer->new_tokens; k++)
        json_array_append_new(tokens, json_real(clock_seconds(*at++)));
      json_array_append_new(sequences, tokens);
    }
    json_array_append_new(iterations, sequences);
  }
  return iterations;
}

static json_t *measurements(const EntryFacts *facts, const MatrixCell *cell, const Answer *answer) {
  return json_pack(
      "{s:o, s:o, s:o, s:o, s:o, s:o}", "e2e_latency", entry_values(answer, "e2e_latency"),
      "time_to_first_token", entry_values(answer, "time_to_first_token"), "inter_token_latency",
      entry_values(answer, "inter_token_latency"), "shape_and_decoded_outputs",
      shapes_and_outputs(facts, answer), "gpu_metrics",
      gpu_metrics(&cell->effective, answer->iterations), "timestamps", timestamps(answer));
}

static json_t *no_measurements(void) {
  return json_pack("{s:[], s:[], s:[], s:[], s:n, s:n}", "e2e_latency", "time_to_first_token",
                   "inter_token_latency", "shape_and_decoded_outputs", "gpu_metrics", "timestamps");
}

// What is run, with what the defaults stood for: the first device, all threads, loose or pinned.
static json_t *effective_of(const EntryFacts *facts, const MatrixCell *cell) {
  json_t *effective = scenario_json(&cell->effective);
  json_t *cores = json_object_get(json_object_get(facts->trust, "machine"), "cores_allowed");
  if (!cell->effective.device[0]) json_object_set_new(effective, "device", json_string("cpu"));
  if (cell->effective.threads == 0 && cores) json_object_set(effective, "threads", cores);
  json_object_set_new(effective, "pin", json_boolean(facts->pinned));
  json_object_set_new(effective, "tier",
                      json_string(cpu_tier_name(scenario_tier(&cell->effective))));
  return effective;
}

// The part of `attometer` that every entry has.
static json_t *account(const EntryFacts *facts, const MatrixCell *cell, const char *status,
                       const char *reason) {
  return json_pack("{s:i, s:s, s:o, s:o, s:o, s:o}", "schema", 1, "status", status, "reason",
                   text_or_null(reason), "requested", scenario_json(&cell->requested), "effective",
                   effective_of(facts, cell), "rules", rules_json(cell->fired));
}

// Loading as the scenario saw it (map_ns …), beside making the weights, which happened once.
static json_t *load_of(const EntryParts *parts) {
  json_t *load = json_deep_copy(json_object_get(parts->result, "load"));
  static const char *const keys[] = {"make_ns", "source_bytes", "weight_bytes", "peak_bytes"};
  if (!json_is_object(load)) {
    json_decref(load);
    load = json_object();
  }
  for (size_t i = 0; i < COUNT_OF(keys); i++) {
    json_t *value = json_object_get(parts->make, keys[i]);
    char key[40];
    snprintf(key, sizeof key, i == 3 ? "make_%s" : "%s", keys[i]);
    if (value) json_object_set(load, key, value);
  }
  return load;
}

static json_t *part_or_null(const json_t *object, const char *key) {
  json_t *value = json_object_get(object, key);
  return value ? json_deep_copy(value) : json_null();
}

// What the fastest prefill took, and the fastest step of decoding.
static json_t *roofline_of(const Answer *answer) {
  double prefill = entry_least(answer, "time_to_first_token"),
         step = entry_least(answer, "inter_token_latency"), batch = (double)answer->batch;
  if (answer->staggered) {
    prefill = batch * (double)answer->prompt_length / entry_most(answer, "prefill_throughput");
    step = batch / entry_most(answer, "decode_throughput");
  }
  return roofline_json(&answer->work, &answer->ceilings, prefill, step);
}

static void add_parts(json_t *account, const EntryFacts *facts, const EntryParts *parts,
                      const Answer *answer) {
  json_t *load = load_of(parts);
  json_t *roofline = roofline_of(answer);
  Sample latency = entry_sample(answer, "e2e_latency");
  json_object_set_new(account, "correctness", part_or_null(parts->result, "correctness"));
  json_object_set_new(account, "precision", part_or_null(parts->result, "precision"));
  json_object_set_new(account, "statistics", entry_statistics(answer));
  json_object_set_new(account, "summaries",
                      entry_summaries(roofline, load, json_object_get(parts->result, "memory")));
  const json_t *memory = json_object_get(parts->result, "memory");
  json_object_set_new(account, "plan",
                      cost_estimate_json(parts->estimate, parts->seconds,
                                         json_object_get(memory, "peak_rss_bytes")));
  json_object_set_new(account, "memory", part_or_null(parts->result, "memory"));
  json_object_set_new(account, "roofline", roofline);
  json_object_set_new(account, "load", load);
  json_object_set_new(account, "compile", part_or_null(parts->result, "compile"));
  json_object_set_new(account, "batching", part_or_null(parts->result, "batching"));
  json_object_set_new(account, "requests", part_or_null(parts->result, "requests"));
  json_object_set_new(account, "model", part_or_null(parts->make, "model"));
  json_object_set_new(account, "trust",
                      trust_report(facts->trust, parts->before, parts->after,
                                   json_object_get(parts->result, "usage"),
                                   json_object_get(parts->result, "allocations"), &latency));
  json_object_set_new(account, "ends_ns", part_or_null(parts->result, "ends_ns"));
  json_object_set_new(account, "times_ns", part_or_null(parts->result, "times_ns"));
}

json_t *entry_measured(const EntryFacts *facts, const MatrixCell *cell, const EntryParts *parts,
                       Error *error) {
  Answer answer;
  int64_t least = cell->effective.measurement_iterations, most = facts->goal.most;
  if (facts->goal.until == 0.0 || most < least) most = least;
  if (!answer_read(parts->result, &cell->effective, most, &answer, error)) return NULL;
  json_t *ours = account(facts, cell, "measured", "");
  add_parts(ours, facts, parts, &answer);
  json_t *entry = json_pack("{s:o, s:o, s:o, s:o}", "metadata", metadata(facts, answer.valid),
                            "measurements", measurements(facts, cell, &answer), "config",
                            scenario_config(&cell->effective), "attometer", ours);
  answer_free(&answer);
  return entry;
}

json_t *entry_absent(const EntryFacts *facts, const MatrixCell *cell, const char *status,
                     const char *reason) {
  json_t *ours = account(facts, cell, status, reason);
  json_object_set_new(ours, "trust", json_deep_copy(facts->trust));
  return json_pack("{s:o, s:o, s:o, s:o}", "metadata", metadata(facts, false), "measurements",
                   no_measurements(), "config", scenario_config(&cell->effective), "attometer",
                   ours);
}
