// SPDX-License-Identifier: Apache-2.0
#include "bench/scenario_file.h"
#include "base/file.h"
#include "base/json_lines.h"
#include "bench/known_keys.h"
#include <string.h>

static const char *const keys[] = {
    "name",
    "warmup_iterations",
    "measurement_iterations",
    "gpu_monitoring",
    "batch_size",
    "continuous_batching",
    "num_tokens_to_generate",
    "sequence_length",
    "kernelize",
    "attn_implementation",
    "compile_kwargs",
    "depth",
    "dtype",
    "device",
    "threads",
    "cpu_mask",
    "sdpa_backend",
    "compile_mode",
    "compile_options",
    "skip_validity_check",
};

// A text field into a buffer of the scenario: printable, so that names stay one line.
static bool read_word(const Field *object, const char *key, char *buffer, size_t size,
                      Error *error) {
  Field field = field_get(object, key);
  const char *text = buffer;
  if (!field_text_or(&field, &text, error)) return false;
  if (text == buffer) return true;
  size_t length = json_string_length(field.value);
  if (length >= size)
    return error_set(error, ERROR_FORMAT, field.path, "is longer than %zu bytes", size - 1);
  for (size_t i = 0; i < length; i++)
    if ((unsigned char)text[i] < ' ')
      return error_set(error, ERROR_FORMAT, field.path, "holds a control character");
  memset(buffer, 0, size);
  memcpy(buffer, text, length);
  return true;
}

static bool read_count(const Field *object, const char *key, int64_t least, int64_t most,
                       int64_t *out, Error *error) {
  Field field = field_get(object, key);
  return field_integer_or(&field, least, most, out, error);
}

static bool read_switch(const Field *object, const char *key, bool *out, Error *error) {
  Field field = field_get(object, key);
  return field_boolean_or(&field, out, error);
}

static bool read_compile(const Field *object, Scenario *scenario, Error *error) {
  Field kwargs = field_get(object, "compile_kwargs"), mode = field_get(object, "compile_mode"),
        options = field_get(object, "compile_options");
  if (field_present(&kwargs) && field_present(&mode))
    return error_set(error, ERROR_FORMAT, object->path,
                     "has compile_kwargs and the older compile_mode, expected one of them");
  if (field_present(&mode))
    return compile_kwargs_read_older(&mode, &options, &scenario->compile, error);
  return compile_kwargs_read(&kwargs, &scenario->compile, error);
}

static bool read_numbers(const Field *object, Scenario *scenario, Error *error) {
  return read_count(object, "warmup_iterations", 0, SCENARIO_MAX_ITERATIONS,
                    &scenario->warmup_iterations, error) &&
         read_count(object, "measurement_iterations", 1, SCENARIO_MAX_ITERATIONS,
                    &scenario->measurement_iterations, error) &&
         read_count(object, "batch_size", 1, SCENARIO_MAX_BATCH, &scenario->batch_size, error) &&
         read_count(object, "sequence_length", 1, SCENARIO_MAX_TOKENS, &scenario->sequence_length,
                    error) &&
         read_count(object, "num_tokens_to_generate", 1, SCENARIO_MAX_TOKENS,
                    &scenario->num_tokens_to_generate, error) &&
         read_count(object, "depth", 0, SCENARIO_MAX_TOKENS, &scenario->depth, error) &&
         read_count(object, "threads", 0, 1024, &scenario->threads, error);
}

static bool read_words(const Field *object, Scenario *scenario, Error *error) {
  return read_word(object, "name", scenario->name, sizeof scenario->name, error) &&
         read_word(object, "attn_implementation", scenario->attn_implementation,
                   sizeof scenario->attn_implementation, error) &&
         read_word(object, "dtype", scenario->dtype, sizeof scenario->dtype, error) &&
         read_word(object, "device", scenario->device, sizeof scenario->device, error) &&
         read_word(object, "cpu_mask", scenario->cpu_mask, sizeof scenario->cpu_mask, error) &&
         read_word(object, "sdpa_backend", scenario->sdpa_backend, sizeof scenario->sdpa_backend,
                   error);
}

static bool read_switches(const Field *object, Scenario *scenario, Error *error) {
  return read_switch(object, "gpu_monitoring", &scenario->gpu_monitoring, error) &&
         read_switch(object, "continuous_batching", &scenario->continuous_batching, error) &&
         read_switch(object, "kernelize", &scenario->kernelize, error) &&
         read_switch(object, "skip_validity_check", &scenario->skip_validity_check, error);
}

static bool read_scenario(const Field *object, Scenarios *scenarios, Error *error) {
  Scenario scenario = scenario_standard();
  if (scenarios->count >= SCENARIO_FILE_MAX)
    return error_set(error, ERROR_FORMAT, object->path, "more than %d scenarios",
                     SCENARIO_FILE_MAX);
  if (!known_keys_check(object, keys, COUNT_OF(keys), error) ||
      !read_numbers(object, &scenario, error) || !read_words(object, &scenario, error) ||
      !read_switches(object, &scenario, error) || !read_compile(object, &scenario, error) ||
      !scenario_check(&scenario, object->path, error))
    return false;
  ARRAY_APPEND(scenarios, scenario);
  return true;
}

static bool read_document(const json_t *root, const char *name, Scenarios *scenarios,
                          Error *error) {
  Field field = field_root(root, name);
  if (!json_is_array(root)) return read_scenario(&field, scenarios, error);
  for (size_t i = 0; i < field_count(&field); i++) {
    Field item = field_at(&field, i);
    if (!read_scenario(&item, scenarios, error)) return false;
  }
  return true;
}

static bool read_line(void *context, const json_t *root, const char *where, Error *error) {
  Field field = field_root(root, where);
  return field_object(&field, error) && read_scenario(&field, context, error);
}

static bool parse_whole(const void *bytes, size_t size, const char *name, Scenarios *scenarios,
                        Error *error) {
  json_t *root = document_parse(bytes, size, name, error);
  if (!root) return false;
  bool done = read_document(root, name, scenarios, error);
  json_decref(root);
  return done;
}

bool scenario_file_parse(const void *bytes, size_t size, bool lines, const char *name,
                         Scenarios *scenarios, Error *error) {
  if (lines) return json_lines_each(bytes, size, name, read_line, scenarios, error);
  return parse_whole(bytes, size, name, scenarios, error);
}

static bool ends_with(const char *path, const char *ending) {
  size_t length = strlen(path), tail = strlen(ending);
  return length >= tail && strcmp(path + length - tail, ending) == 0;
}

bool scenario_file_read(const char *path, Scenarios *scenarios, Error *error) {
  bool lines = ends_with(path, ".jsonl");
  if (!lines && !ends_with(path, ".json"))
    return error_set(error, ERROR_ARGUMENT, path, "expected a name that ends in .json or .jsonl");
  Text text = {0};
  size_t before = scenarios->count;
  bool done = file_read(path, SCENARIO_FILE_LIMIT, &text, error) &&
              scenario_file_parse(text_span(&text).data, text.size, lines, path, scenarios, error);
  if (done && scenarios->count == before)
    done = error_set(error, ERROR_FORMAT, path, "holds no scenario");
  text_free(&text);
  return done;
}
