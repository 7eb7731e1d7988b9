// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/load_file.h"
#include "base/array.h"
#include "base/file.h"
#include "base/json_lines.h"
#include "bench/generation/request.h"
#include "bench/known_keys.h"
#include "bench/scenario.h"
#include <string.h>

static const char *const keys[] = {"prompt", "ids", "prompt_tokens", "max_new_tokens", "arrival_s"};
static const double longest = 1e6; // seconds

typedef ARRAY_OF(LoadRequest) Requests;

static bool copy_ids(bool made, TokenIds *ids, Arena *arena, LoadRequest *request) {
  size_t bytes = ids->count * sizeof *ids->items;
  if (made) {
    int32_t *copy = arena_allocate(arena, bytes);
    if (bytes) memcpy(copy, ids->items, bytes);
    request->ids = copy;
    request->length = (int64_t)ids->count;
  }
  ARRAY_FREE(ids);
  return made;
}

static bool read_text(const Field *field, const LoadPrompts *prompts, Arena *arena,
                      LoadRequest *request, Error *error) {
  const char *text = "";
  TokenIds ids = {0};
  if (!field_text(field, &text, error)) return false;
  size_t size = json_string_length(field->value);
  return copy_ids(prompts->of_text(prompts->context, text, size, &ids, error), &ids, arena,
                  request);
}

static bool read_length(const Field *field, const LoadPrompts *prompts, Arena *arena,
                        LoadRequest *request, Error *error) {
  int64_t length = 0;
  TokenIds ids = {0};
  if (!field_integer(field, 1, SCENARIO_MAX_TOKENS, &length, error)) return false;
  return copy_ids(prompts->of_length(prompts->context, length, &ids, error), &ids, arena, request);
}

// One of the three ways to say it.
static bool read_prompt(const Field *object, const LoadPrompts *prompts, Arena *arena,
                        LoadRequest *request, Error *error) {
  Field text = field_get(object, "prompt"), ids = field_get(object, "ids"),
        length = field_get(object, "prompt_tokens");
  if ((text.value != NULL) + (ids.value != NULL) + (length.value != NULL) != 1)
    return error_set(error, ERROR_FORMAT, object->path,
                     "expected one of prompt, ids and prompt_tokens");
  if (text.value) return read_text(&text, prompts, arena, request, error);
  if (ids.value) return ids_read(&ids, arena, &request->ids, &request->length, error);
  return read_length(&length, prompts, arena, request, error);
}

static bool read_request(const Field *object, const LoadPrompts *prompts, Arena *arena,
                         Requests *requests, Error *error) {
  LoadRequest request = {0};
  Field tokens = field_get(object, "max_new_tokens"), arrival = field_get(object, "arrival_s");
  if (requests->count >= LOAD_MOST_REQUESTS)
    return error_set(error, ERROR_FORMAT, object->path, "more than %d requests",
                     LOAD_MOST_REQUESTS);
  if (!field_object(object, error) || !known_keys_check(object, keys, COUNT_OF(keys), error) ||
      !read_prompt(object, prompts, arena, &request, error) ||
      !field_integer_or(&tokens, 1, INT32_MAX, &request.max_new_tokens, error) ||
      (field_present(&arrival) && !field_number_in(&arrival, 0, longest, &request.arrival, error)))
    return false;
  ARRAY_APPEND(requests, request);
  return true;
}

typedef struct {
  const LoadPrompts *prompts;
  Arena *arena;
  Requests requests;
} Reading;

static bool read_line(void *context, const json_t *root, const char *where, Error *error) {
  Reading *reading = context;
  Field field = field_root(root, where);
  return read_request(&field, reading->prompts, reading->arena, &reading->requests, error);
}

bool load_file_parse(const void *bytes, size_t size, const char *name, const LoadPrompts *prompts,
                     Arena *arena, LoadPlan *plan, Error *error) {
  Reading reading = {.prompts = prompts, .arena = arena};
  const Requests *requests = &reading.requests;
  bool done = json_lines_each(bytes, size, name, read_line, &reading, error);
  if (done && requests->count == 0) done = error_set(error, ERROR_FORMAT, name, "holds no request");
  if (done) {
    LoadRequest *copy = arena_allocate(arena, requests->count * sizeof *copy);
    memcpy(copy, requests->items, requests->count * sizeof *copy);
    plan->requests = copy;
    plan->count = (int64_t)requests->count;
    plan->arrivals = (Arrivals){.kind = ARRIVALS_LISTED};
  }
  ARRAY_FREE(&reading.requests);
  return done;
}

bool load_file_read(const char *path, const LoadPrompts *prompts, Arena *arena, LoadPlan *plan,
                    Error *error) {
  Text text = {0};
  bool done = file_read(path, LOAD_FILE_LIMIT, &text, error) &&
              load_file_parse(text_span(&text).data, text.size, path, prompts, arena, plan, error);
  text_free(&text);
  return done;
}
