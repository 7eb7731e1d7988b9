// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/cost_estimate.h"

bool cost_estimate_of(const MemoryFacts *facts, const Scenario *scenario, const Ceilings *ceilings,
                      CostEstimate *out, Error *error) {
  MemoryShape shape;
  if (!memory_shape_of(scenario, &shape, error)) return false;
  MemoryEstimate memory = memory_estimate_of(facts, &shape);
  double runs = (double)(1 + scenario->warmup_iterations + scenario->measurement_iterations);
  double prompt = (double)scenario->batch_size * (double)scenario->sequence_length;
  double prefill = 2.0 * (double)facts->weights * prompt / (ceilings->fma_gflop_per_s * 1e9);
  double step = ((double)memory.weights + (double)memory.cache) / (ceilings->read_gb_per_s * 1e9);
  double steps = (double)(scenario->num_tokens_to_generate - 1);
  *out = (CostEstimate){memory_estimate_total(&memory), runs * (prefill + steps * step)};
  return true;
}
