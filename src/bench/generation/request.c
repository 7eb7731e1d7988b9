// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/request.h"
#include <string.h>

static const char *const task_names[] = {"make", "reference", "scenario"};

json_t *ids_json(const int32_t *ids, int64_t count) {
  json_t *array = json_array();
  for (int64_t i = 0; i < count; i++) json_array_append_new(array, json_integer(ids[i]));
  return array;
}

bool ids_read(const Field *field, Arena *arena, const int32_t **ids, int64_t *count, Error *error) {
  if (!field_array(field, error)) return false;
  size_t size = field_count(field);
  int32_t *copy = arena_allocate(arena, size * sizeof *copy);
  for (size_t i = 0; i < size; i++) {
    json_t *item = json_array_get(field->value, i);
    json_int_t id = json_integer_value(item);
    if (!json_is_integer(item) || id < INT32_MIN || id > INT32_MAX)
      return error_set(error, ERROR_FORMAT, field->path, "element %zu is no token id", i);
    copy[i] = (int32_t)id;
  }
  *ids = copy;
  *count = (int64_t)size;
  return true;
}

static json_t *case_json(const RequestCase *item) {
  return json_pack(
      "{s:o, s:o, s:I, s:I, s:I, s:o}", "context", ids_json(item->context, item->depth), "prompt",
      ids_json(item->prompt, item->prompt_length), "new_tokens", (json_int_t)item->new_tokens,
      "steps", (json_int_t)item->steps, "offset", (json_int_t)item->offset, "expected",
      ids_json(item->expected, item->expected_count));
}

json_t *request_json(const WorkerRequest *request) {
  json_t *cases = json_array();
  for (int64_t i = 0; i < request->case_count; i++)
    json_array_append_new(cases, case_json(&request->cases[i]));
  json_t *load = request->load ? load_plan_json(request->load) : json_null();
  return json_pack(
      "{s:o, s:s, s:s, s:s, s:s, s:I, s:I, s:b, s:s, s:s?, s:s?, s:b, s:s?, s:b, s:s?, s:s?, "
      "s:I, s:I, s:I, s:f, s:I, s:b, s:o}",
      "load", load, "task", task_names[request->task], "model", request->model, "dtype",
      dtype_name(request->dtype), "rounding", dtype_name(request->rounding), "seed",
      (json_int_t)request->seed, "threads", (json_int_t)request->threads, "pin", request->pin,
      "tier", cpu_tier_name(request->tier), "attention", request->attention, "sdpa_backend",
      request->sdpa_backend, "kernelize", request->kernelize, "compile_mode", request->compile_mode,
      "dynamic", request->dynamic, "dump_graph", request->dump_graph, "dump_folder",
      request->dump_folder, "batch", (json_int_t)request->batch, "warmup",
      (json_int_t)request->warmup, "iterations", (json_int_t)request->iterations, "until",
      request->goal.until, "most_iterations", (json_int_t)request->goal.most, "brief",
      request->brief, "cases", cases);
}

static bool read_count(const Field *object, const char *key, int64_t most, int64_t *out,
                       Error *error) {
  Field field = field_get(object, key);
  return field_integer(&field, 0, most, out, error);
}

static bool read_text(const Field *object, const char *key, Arena *arena, const char **out,
                      Error *error) {
  Field field = field_get(object, key);
  const char *text = NULL;
  if (!field_text_or(&field, &text, error)) return false;
  *out = text ? arena_copy_text(arena, text) : NULL;
  return true;
}

static bool read_dtype(const Field *object, const char *key, Dtype *dtype, Error *error) {
  Field field = field_get(object, key);
  const char *name = "";
  if (!field_text(&field, &name, error)) return false;
  return (dtype_by_name(name, dtype) && dtype_is_compute(*dtype)) ||
         error_set(error, ERROR_FORMAT, field.path, "\"%s\" is no dtype of the engine", name);
}

static bool read_task(const Field *object, WorkerTask *task, Error *error) {
  Field field = field_get(object, "task");
  const char *name = "";
  if (!field_text(&field, &name, error)) return false;
  for (size_t i = 0; i < COUNT_OF(task_names); i++) {
    if (strcmp(name, task_names[i]) != 0) continue;
    *task = (WorkerTask)i;
    return true;
  }
  return error_set(error, ERROR_FORMAT, field.path, "unknown task \"%s\"", name);
}

static bool read_tier(const Field *object, CpuTier *tier, Error *error) {
  Field field = field_get(object, "tier");
  const char *name = "";
  if (!field_text(&field, &name, error)) return false;
  if (!cpu_tier_by_name(name, tier))
    return error_set(error, ERROR_FORMAT, field.path, "unknown tier \"%s\"", name);
  if (*tier > cpu_best_tier())
    return error_set(error, ERROR_UNSUPPORTED, field.path, "is %s, this processor's best is %s",
                     name, cpu_tier_name(cpu_best_tier()));
  return true;
}

static bool read_case(const Field *object, Arena *arena, RequestCase *item, Error *error) {
  Field context = field_get(object, "context"), prompt = field_get(object, "prompt"),
        expected = field_get(object, "expected");
  return (!field_present(&context) ||
          ids_read(&context, arena, &item->context, &item->depth, error)) &&
         ids_read(&prompt, arena, &item->prompt, &item->prompt_length, error) &&
         ids_read(&expected, arena, &item->expected, &item->expected_count, error) &&
         read_count(object, "new_tokens", INT32_MAX, &item->new_tokens, error) &&
         read_count(object, "steps", 1024, &item->steps, error) &&
         read_count(object, "offset", INT64_MAX, &item->offset, error);
}

static bool read_goal(const Field *object, PrecisionGoal *goal, Error *error) {
  Field until = field_get(object, "until"), most = field_get(object, "most_iterations");
  return field_number_or(&until, &goal->until, error) &&
         field_integer_or(&most, 0, INT32_MAX, &goal->most, error);
}

static bool read_cases(const Field *object, Arena *arena, WorkerRequest *request, Error *error) {
  Field field = field_get(object, "cases");
  if (!field_array(&field, error)) return false;
  request->case_count = (int64_t)field_count(&field);
  RequestCase *cases = arena_allocate(arena, field_count(&field) * sizeof *cases);
  request->cases = cases;
  for (size_t i = 0; i < field_count(&field); i++) {
    Field item = field_at(&field, i);
    cases[i] = (RequestCase){0};
    if (!read_case(&item, arena, &cases[i], error)) return false;
  }
  return true;
}

static bool read_load(const Field *object, Arena *arena, const LoadPlan **load, Error *error) {
  Field field = field_get(object, "load");
  if (!field_present(&field)) return true;
  LoadPlan *plan = arena_allocate(arena, sizeof *plan);
  *load = plan;
  return load_plan_read(&field, arena, plan, error);
}

bool request_read(const Field *field, Arena *arena, WorkerRequest *request, Error *error) {
  Field pin = field_get(field, "pin"), kernelize = field_get(field, "kernelize"),
        brief = field_get(field, "brief"), dynamic = field_get(field, "dynamic");
  *request = (WorkerRequest){0};
  return read_task(field, &request->task, error) &&
         read_text(field, "model", arena, &request->model, error) &&
         read_dtype(field, "dtype", &request->dtype, error) &&
         read_dtype(field, "rounding", &request->rounding, error) &&
         read_count(field, "seed", INT64_MAX, &request->seed, error) &&
         read_count(field, "threads", 1024, &request->threads, error) &&
         field_boolean(&pin, &request->pin, error) && read_tier(field, &request->tier, error) &&
         read_text(field, "attention", arena, &request->attention, error) &&
         read_text(field, "sdpa_backend", arena, &request->sdpa_backend, error) &&
         field_boolean_or(&kernelize, &request->kernelize, error) &&
         field_boolean_or(&brief, &request->brief, error) &&
         read_text(field, "compile_mode", arena, &request->compile_mode, error) &&
         field_boolean_or(&dynamic, &request->dynamic, error) &&
         read_text(field, "dump_graph", arena, &request->dump_graph, error) &&
         read_text(field, "dump_folder", arena, &request->dump_folder, error) &&
         read_load(field, arena, &request->load, error) &&
         read_count(field, "batch", INT32_MAX, &request->batch, error) &&
         read_count(field, "warmup", INT32_MAX, &request->warmup, error) &&
         read_count(field, "iterations", INT32_MAX, &request->iterations, error) &&
         read_goal(field, &request->goal, error) && read_cases(field, arena, request, error) &&
         (request->model || error_set(error, ERROR_FORMAT, field->path, "model is missing"));
}
