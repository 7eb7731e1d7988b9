// SPDX-License-Identifier: Apache-2.0
// How near a scenario comes to what the machine can do.
//
//   decode_share   = weight bytes / least inter-token latency / read_gb_per_s
//   prefill_share  = 2 x weights x tokens / least time to first token / peak
//
// peak: dot_gflop_per_s where the products with weights multiply pairs of bfloat16, as
// prefill_ceiling says, else fma_gflop_per_s; prefill_share_fma is of the latter in any case.
//
// nominal: weights count tied ones once, attention is left out (as llama-bench figures are usually
// read); executed: the bytes and FLOPs that the engine really does, cache and attention included,
// each FLOP at the peak of its kind.
#pragma once
#include "base/document.h"
#include "device/ceiling.h"
#include "model/model.h"

// What one decode step reads and the prefill computes.
typedef struct {
  int64_t weights;      // tied ones once
  int64_t weight_bytes; // nominal, read once a step
  int64_t decode_bytes; // executed, of a step in the middle of the run
  double prefill_flops, prefill_flops_executed;
  double prefill_flops_dot; // of those executed, in products of bfloat16 pairs
} Work;

typedef struct {
  int64_t batch, depth, prompt_length, new_tokens; // depth: tokens cached before the prompt
  Dtype cache_dtype;
  CpuTier tier;
} WorkShape;

Work work_of(const Model *model, const WorkShape *shape);
// Seconds are the least over the measured runs.
json_t *roofline_json(const Work *work, const Ceilings *ceilings, double least_ttft,
                      double least_itl); // new reference
json_t *work_json(const Work *work);     // new reference
// Reads what work_json wrote.
CHECKED bool work_read(const Field *field, Work *work, Error *error);
