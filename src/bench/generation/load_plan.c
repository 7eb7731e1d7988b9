// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/load_plan.h"
#include "bench/generation/request.h"

LoadPlan load_plan_standard(void) {
  return (LoadPlan){
      .scheduler = "fifo", .token_budget = 512, .block_size = 256, .max_sequences = 256};
}

json_t *load_plan_settings(const LoadPlan *plan) {
  char arrivals[ARRIVALS_TEXT];
  arrivals_text(&plan->arrivals, arrivals);
  return json_pack("{s:s, s:I, s:I, s:s, s:I, s:I, s:I, s:I, s:b, s:f, s:f}", "arrivals", arrivals,
                   "seed", (json_int_t)plan->seed, "count", (json_int_t)plan->count, "scheduler",
                   plan->scheduler, "token_budget", (json_int_t)plan->token_budget, "block_size",
                   (json_int_t)plan->block_size, "blocks", (json_int_t)plan->blocks,
                   "max_sequences", (json_int_t)plan->max_sequences, "share_prefixes",
                   plan->share_prefixes, "ttft_bound_s", plan->ttft_bound, "itl_bound_s",
                   plan->itl_bound);
}

json_t *load_plan_json(const LoadPlan *plan) {
  json_t *object = load_plan_settings(plan);
  json_t *requests = plan->requests ? json_array() : json_null();
  for (int64_t i = 0; plan->requests && i < plan->count; i++) {
    const LoadRequest *request = &plan->requests[i];
    json_array_append_new(requests, json_pack("{s:o, s:I, s:f}", "ids",
                                              ids_json(request->ids, request->length),
                                              "max_new_tokens", (json_int_t)request->max_new_tokens,
                                              "arrival_s", request->arrival));
  }
  json_object_set_new(object, "requests", requests);
  return object;
}

static bool read_request(const Field *field, Arena *arena, LoadRequest *request, Error *error) {
  Field ids = field_get(field, "ids"), tokens = field_get(field, "max_new_tokens"),
        arrival = field_get(field, "arrival_s");
  return ids_read(&ids, arena, &request->ids, &request->length, error) &&
         field_integer(&tokens, 0, INT64_MAX, &request->max_new_tokens, error) &&
         field_number_in(&arrival, 0, 1e9, &request->arrival, error);
}

static bool read_requests(const Field *field, Arena *arena, LoadPlan *plan, Error *error) {
  if (!field_present(field)) return true;
  if (!field_array(field, error)) return false;
  plan->count = (int64_t)field_count(field);
  LoadRequest *requests = arena_allocate(arena, (size_t)plan->count * sizeof *requests);
  plan->requests = requests;
  for (int64_t i = 0; i < plan->count; i++) {
    Field item = field_at(field, (size_t)i);
    if (!read_request(&item, arena, &requests[i], error)) return false;
  }
  return true;
}

static bool read_numbers(const Field *object, LoadPlan *plan, Error *error) {
  const struct {
    const char *key;
    int64_t least, *value;
  } rows[] = {{"count", 0, &plan->count},
              {"token_budget", 1, &plan->token_budget},
              {"block_size", 1, &plan->block_size},
              {"blocks", 0, &plan->blocks},
              {"max_sequences", 1, &plan->max_sequences}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    Field field = field_get(object, rows[i].key);
    if (!field_integer(&field, rows[i].least, INT32_MAX, rows[i].value, error)) return false;
  }
  Field ttft = field_get(object, "ttft_bound_s"), itl = field_get(object, "itl_bound_s");
  return field_number_in(&ttft, 0, 1e9, &plan->ttft_bound, error) &&
         field_number_in(&itl, 0, 1e9, &plan->itl_bound, error);
}

bool load_plan_read(const Field *field, Arena *arena, LoadPlan *plan, Error *error) {
  const char *arrivals = "", *scheduler = "";
  int64_t seed = 0;
  Field a = field_get(field, "arrivals"), b = field_get(field, "scheduler"),
        c = field_get(field, "seed"), d = field_get(field, "share_prefixes"),
        e = field_get(field, "requests");
  *plan = load_plan_standard();
  if (!field_text(&a, &arrivals, error) ||
      !arrivals_parse(arrivals, true, &plan->arrivals, error) ||
      !field_text(&b, &scheduler, error) || !field_integer(&c, 0, INT64_MAX, &seed, error) ||
      !field_boolean(&d, &plan->share_prefixes, error) || !read_numbers(field, plan, error) ||
      !read_requests(&e, arena, plan, error))
    return false;
  plan->seed = (uint64_t)seed;
  plan->scheduler = arena_copy_text(arena, scheduler);
  return true;
}
