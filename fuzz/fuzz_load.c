// SPDX-License-Identifier: Apache-2.0
// Files of requests, and patterns of arrivals, of any bytes: a load or an error; what was read can
// be written and read again.
#include "base/array.h"
#include "bench/generation/load_file.h"
#include <stdlib.h>
#include <string.h>

enum { LONGEST = 1000, TIMES = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool of_text(void *context, const char *text, size_t size, TokenIds *ids, Error *error) {
  (void)context, (void)error;
  for (size_t i = 0; i < size; i++) ARRAY_APPEND(ids, (unsigned char)text[i]);
  return true;
}

static bool of_length(void *context, int64_t length, TokenIds *ids, Error *error) {
  (void)context;
  if (length > LONGEST) return error_set(error, ERROR_ARGUMENT, "fuzz", "too long");
  for (int64_t i = 0; i < length; i++) ARRAY_APPEND(ids, (int32_t)i);
  return true;
}

static void read_again(const LoadPlan *plan, Arena *arena) {
  Error error;
  LoadPlan again;
  json_t *json = load_plan_json(plan), *identity = load_plan_identity(plan);
  if (!json || !identity) abort();
  Field field = field_root(json, "plan");
  if (!load_plan_read(&field, arena, &again, &error) || again.count != plan->count) abort();
  json_decref(json);
  json_decref(identity);
}

static void try_arrivals(const uint8_t *data, size_t size) {
  char text[64];
  int64_t times[TIMES];
  Arrivals arrivals;
  Error error;
  size_t length = size < sizeof text - 1 ? size : sizeof text - 1;
  memcpy(text, data, length);
  text[length] = '\0';
  if (!arrivals_parse(text, false, &arrivals, &error)) return;
  arrivals_times(&arrivals, 1, TIMES, times);
  for (int i = 1; i < TIMES; i++)
    if (times[i] < times[i - 1]) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const LoadPrompts prompts = {of_text, of_length, NULL};
  Arena *arena = arena_open(0);
  LoadPlan plan = load_plan_standard();
  Error error;
  if (size > 0) try_arrivals(data, size);
  if (load_file_parse(data, size, "fuzz", &prompts, arena, &plan, &error)) read_again(&plan, arena);
  arena_close(arena);
  return 0;
}
