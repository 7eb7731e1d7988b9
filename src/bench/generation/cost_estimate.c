// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/cost_estimate.h"
#include "bench/generation/correctness.h"
#include <string.h>

// Multiply-adds of `tokens` tokens of each sequence behind `past` others, counted as two.
static double flops(const CostFacts *facts, const Scenario *scenario, double past, double tokens) {
  const MemoryFacts *model = &facts->facts;
  double pairs = tokens * past + tokens * (tokens + 1) / 2;
  double attention = 4.0 * (double)(model->layers * model->heads * model->head_dim) * pairs;
  return (double)scenario->batch_size * (2.0 * (double)model->weights * tokens + attention);
}

bool cost_estimate_of(const CostFacts *facts, const Scenario *scenario, CostEstimate *out,
                      Error *error) {
  MemoryShape shape;
  if (!memory_shape_of(scenario, &shape, error)) return false;
  MemoryEstimate memory = memory_estimate_of(&facts->facts, &shape);
  double peak = facts->ceilings.fma_gflop_per_s * 1e9, read = facts->ceilings.read_gb_per_s * 1e9;
  double runs = (double)(1 + scenario->warmup_iterations + scenario->measurement_iterations);
  double depth = (double)scenario->depth;
  double context = flops(facts, scenario, 0.0, depth) / peak;
  double prefill = flops(facts, scenario, depth, (double)scenario->sequence_length) / peak;
  double step = ((double)memory.weights + (double)memory.cache) / read;
  double steps = (double)(scenario->num_tokens_to_generate - 1);
  double check = prefill / (double)scenario->batch_size + CORRECTNESS_STEPS * step;
  *out = (CostEstimate){memory_estimate_total(&memory),
                        context + runs * (prefill + steps * step) + check + facts->fixed_seconds,
                        ESTIMATE_CEILINGS};
  return true;
}

bool cost_estimate_earlier(const json_t *ours, CostEstimate *out) {
  const char *status = json_string_value(json_object_get(ours, "status"));
  const json_t *plan = json_object_get(ours, "plan");
  const json_t *seconds = json_object_get(plan, "actual_seconds");
  const json_t *bytes = json_object_get(plan, "actual_bytes");
  if (!status || strcmp(status, "measured") != 0 || !(json_number_value(seconds) > 0)) return false;
  out->seconds = json_number_value(seconds);
  if (json_integer_value(bytes) > 0) out->bytes = json_integer_value(bytes);
  out->source = ESTIMATE_EARLIER;
  return true;
}

const char *estimate_source_name(EstimateSource source) {
  return source == ESTIMATE_EARLIER ? "earlier" : "ceilings";
}

json_t *cost_estimate_json(const CostEstimate *estimate, double actual_seconds,
                           const json_t *actual_bytes) {
  json_t *bytes = json_is_integer(actual_bytes) ? json_copy((json_t *)actual_bytes) : json_null();
  return json_pack("{s:o, s:o, s:s?, s:f, s:o}", "estimated_seconds",
                   estimate ? json_real(estimate->seconds) : json_null(), "estimated_bytes",
                   estimate ? json_integer(estimate->bytes) : json_null(), "source",
                   estimate ? estimate_source_name(estimate->source) : NULL, "actual_seconds",
                   actual_seconds, "actual_bytes", bytes);
}
