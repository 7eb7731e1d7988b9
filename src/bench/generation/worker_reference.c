// SPDX-License-Identifier: Apache-2.0
#include "base/memory.h"
#include "bench/generation/correctness.h"
#include "bench/generation/logits_file.h"
#include "bench/generation/worker_tasks.h"
#include "bench/worker_events.h"
#include "generate/generation.h"
#include <string.h>

static int64_t largest_length(const WorkerRequest *request) {
  int64_t largest = 1;
  for (int64_t i = 0; i < request->case_count; i++) {
    const RequestCase *item = &request->cases[i];
    int64_t length = item->depth + item->prompt_length + item->new_tokens;
    if (length > largest) largest = length;
  }
  return largest;
}

static bool greedy_ids(Generator *generator, const RequestCase *item, int32_t *ids, Error *error) {
  GenerationRequest request = {
      .batch = 1,
      .prompt_length = item->prompt_length,
      .new_tokens = item->new_tokens,
      .prompts = item->prompt,
      .sampling = sampling_greedy(),
  };
  int64_t count = 0;
  GenerationResult result = {.ids = ids, .counts = &count};
  return generation_run(generator, &request, &result, error);
}

static bool forced_logits(Generator *generator, const RequestCase *item, const int32_t *ids,
                          int64_t vocabulary, Error *error) {
  int64_t length = item->prompt_length + item->steps;
  LogitsView view;
  if (!logits_file_map(&view, REQUEST_REFERENCE, item->offset, (item->steps + 1) * vocabulary, true,
                       error))
    return false;
  int32_t *forced = memory_allocate((size_t)length * sizeof *forced);
  memcpy(forced, item->prompt, (size_t)item->prompt_length * sizeof *forced);
  memcpy(forced + item->prompt_length, ids, (size_t)item->steps * sizeof *forced);
  bool done = generation_logits(generator, forced, length, item->steps + 1, item->steps,
                                view.values, error);
  memory_free(forced);
  logits_file_unmap(&view);
  return done;
}

static json_t *run_case(Generator *generator, const RequestCase *item, int64_t vocabulary,
                        Error *error) {
  if (item->prompt_length < 1 || item->new_tokens < item->steps) {
    error_set(error, ERROR_ARGUMENT, "reference", "no prompt, or fewer tokens than steps");
    return NULL;
  }
  int32_t *ids = memory_allocate((size_t)item->new_tokens * sizeof *ids);
  json_t *answer = NULL;
  if (generation_set_context(generator, item->context, 1, item->depth, error) &&
      greedy_ids(generator, item, ids, error) &&
      forced_logits(generator, item, ids, vocabulary, error))
    answer = ids_json(ids, item->new_tokens);
  memory_free(ids);
  return answer;
}

static json_t *run_cases(const WorkerRequest *request, Generator *generator, int64_t vocabulary,
                         int output, Error *error) {
  json_t *answers = json_array();
  for (int64_t i = 0; i < request->case_count; i++) {
    json_t *answer = run_case(generator, &request->cases[i], vocabulary, error);
    if (!answer) {
      json_decref(answers);
      return NULL;
    }
    json_array_append_new(answers, answer);
    worker_event_progress(output, "reference", i + 1, request->case_count);
  }
  return json_pack("{s:o}", "ids", answers);
}

// float32 weights of a float32 scenario are there already; others are made here.
static Model *open_model(const WorkerRequest *request, Team *team, Error *error) {
  ModelOptions options = {request->model, DTYPE_F32, request->rounding, (uint64_t)request->seed};
  if (request->rounding == DTYPE_F32) return model_map(&options, REQUEST_WEIGHTS, error);
  return model_open(&options, team, request->tier, error);
}

json_t *worker_reference(const WorkerRequest *request, Team *team, int output, Error *error) {
  Model *model = open_model(request, team, error);
  if (!model) return NULL;
  GeneratorOptions generator_options = {.attention = "eager",
                                        .cache_dtype = DTYPE_F32,
                                        .max_batch = 1,
                                        .max_tokens = largest_length(request)};
  Generator *generator = generator_open(model, team, request->tier, &generator_options, error);
  json_t *result =
      generator ? run_cases(request, generator, model_config(model)->vocabulary, output, error)
                : NULL;
  generator_close(generator);
  model_close(model);
  return result;
}
