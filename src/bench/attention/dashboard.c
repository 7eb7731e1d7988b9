// SPDX-License-Identifier: Apache-2.0
#include "bench/attention/dashboard.h"
#include "base/file.h"
#include "base/python_json.h"
#include <string.h>

// A cell, and one back end of it.
typedef struct {
  const json_t *config; // of the sweep
  const json_t *cell, *backend;
  const char *arch, *name, *mod; // name: of the back end, as the peer has it
  char shape[160];               // "(2, 16, 1024, 16, 1024, 64)"
} Subject;

static const char *text_of(const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  return text ? text : "";
}

static void write_shape(Subject *subject) {
  const json_t *shape = json_object_get(subject->cell, "shape");
  size_t used = 0, size = sizeof subject->shape;
  subject->shape[0] = '\0';
  for (size_t i = 0; i < json_array_size(shape) && used < size; i++)
    used += (size_t)snprintf(subject->shape + used, size - used, "%s%lld%s", i ? ", " : "(",
                             (long long)json_integer_value(json_array_get(shape, i)),
                             i + 1 == json_array_size(shape) ? ")" : "");
}

static json_t *benchmark_json(const Subject *subject) {
  const json_t *autotune = json_object_get(subject->config, "max_autotune");
  bool backward = json_is_true(json_object_get(subject->config, "calculate_bwd"));
  const char *dtype = text_of(subject->config, "dtype");
  json_t *info =
      json_pack("{s:o, s:s, s:s, s:s, s:s, s:s, s:b}", "input_config",
                json_sprintf("shape: %s, dtype: %s", subject->shape, dtype), "device", "cpu",
                "arch", subject->arch, "operator_name", subject->name, "attn_type", subject->mod,
                "shape", subject->shape, "max_autotune", json_is_true(autotune));
  return json_pack("{s:s, s:s, s:s, s:o}", "name", text_of(subject->config, "benchmark_name"),
                   "mode", backward ? "training" : "inference", "dtype", dtype, "extra_info", info);
}

static json_t *model_json(const Subject *subject) {
  return json_pack("{s:o, s:s, s:[s], s:{s:s, s:s}}", "name",
                   json_sprintf("%s_%s_%s", subject->name, subject->mod, subject->shape), "type",
                   "attention-benchmark", "origins", "attometer", "extra_info", "operator_name",
                   subject->name, "attn_type", subject->mod);
}

static void append_record(json_t *records, const Subject *subject, const char *metric,
                          const char *unit, const json_t *value, double factor) {
  if (!json_is_number(value)) return;
  json_t *number = json_real(json_number_value(value) * factor);
  json_array_append_new(records, json_pack("{s:o, s:o, s:{s:s, s:s, s:[o], s:n}}", "benchmark",
                                           benchmark_json(subject), "model", model_json(subject),
                                           "metric", "name", metric, "unit", unit,
                                           "benchmark_values", number, "target_value"));
}

static const json_t *median_of(const json_t *pass) {
  return json_object_get(json_object_get(pass, "warm"), "med_ns");
}

static void append_backend(json_t *records, Subject *subject) {
  const json_t *forward = json_object_get(subject->backend, "forward");
  bool throughput = json_is_true(json_object_get(subject->config, "throughput"));
  bool flex = strcmp(text_of(subject->backend, "name"), "flex") == 0;
  subject->name = flex ? "flex_attn" : text_of(subject->backend, "name");
  append_record(records, subject, "forward latency", "us", median_of(forward), 1e-3);
  if (throughput) {
    append_record(records, subject, "memory bandwidth", "TB/s",
                  json_object_get(forward, "tb_per_s"), 1);
    append_record(records, subject, "tflops", "TFLOPS/s", json_object_get(forward, "tflop_per_s"),
                  1);
  }
  append_record(records, subject, "backward latency", "us",
                median_of(json_object_get(subject->backend, "backward")), 1e-3);
}

// A time without a passing verdict is no record.
static bool is_valid(const json_t *backend) {
  return strcmp(text_of(json_object_get(backend, "correctness"), "verdict"), "valid") == 0;
}

static void append_cell(json_t *records, Subject *subject) {
  size_t i;
  subject->mod = text_of(json_object_get(json_object_get(subject->cell, "config"), "mod"), "name");
  write_shape(subject);
  json_array_foreach(json_object_get(subject->cell, "backends"), i, subject->backend) {
    if (is_valid(subject->backend)) append_backend(records, subject);
  }
}

json_t *dashboard_records(const json_t *results) {
  const json_t *sweep = json_object_get(results, "sweep");
  const json_t *machine = json_object_get(json_object_get(sweep, "trust"), "machine");
  const json_t *order = json_object_get(sweep, "cells");
  json_t *records = json_array();
  for (size_t i = 0; i < json_array_size(order); i++) {
    const char *hash = json_string_value(json_array_get(order, i));
    Subject subject = {.config = json_object_get(sweep, "config"),
                       .cell = hash ? json_object_get(results, hash) : NULL,
                       .arch = text_of(machine, "processor")};
    append_cell(records, &subject);
  }
  return records;
}

bool dashboard_write(const json_t *results, const char *path, Error *error) {
  Text text = {0};
  json_t *records = dashboard_records(results);
  python_json_append(&text, records, PYTHON_JSON_INDENT);
  text_append_character(&text, '\n');
  json_decref(records);
  bool done = file_write_atomically(path, text.data, text.size, error);
  text_free(&text);
  return done;
}
