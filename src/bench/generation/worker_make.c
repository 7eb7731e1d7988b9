// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/model_facts.h"
#include "bench/generation/worker_tasks.h"
#include "bench/process_usage.h"
#include "model/model.h"

json_t *worker_make(const WorkerRequest *request, Team *team, Error *error) {
  ModelOptions options = {request->model, request->dtype, request->rounding,
                          (uint64_t)request->seed};
  ModelLoad load;
  if (!model_make(&options, REQUEST_WEIGHTS, team, request->tier, &load, error)) return NULL;
  int64_t peak = process_peak_bytes("");
  Model *model = model_map(&options, REQUEST_WEIGHTS, error);
  if (!model) return NULL;
  json_t *result = json_pack(
      "{s:I, s:I, s:I, s:o, s:o}", "make_ns", (json_int_t)load.make_ns, "source_bytes",
      (json_int_t)load.source_bytes, "weight_bytes", (json_int_t)load.weight_bytes, "peak_bytes",
      peak < 0 ? json_null() : json_integer(peak), "model", model_facts(model));
  model_close(model);
  return result;
}
