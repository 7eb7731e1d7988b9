// SPDX-License-Identifier: Apache-2.0
// What a scenario measures: regular generation, or continuous batching under a load.
#pragma once
#include "bench/generation/load_run.h"
#include "generate/generation.h"

// How a scenario is served.
typedef struct {
  const GeneratorOptions *generator; // max_batch: sequences of the scenario; max_tokens of each
  const LoadPlan *load;              // NULL: regular generation
  int64_t position_limit;            // longest request that a load may hold beside the scenario's
  int64_t depth;                     // of max_tokens, those of the context
} EngineSetup;

typedef struct Engine Engine;

CHECKED Engine *engine_open(const Model *model, Team *team, CpuTier tier,
                            const EngineSetup *options, Error *error);
void engine_close(Engine *engine); // NULL is fine
// Compiles what any load may come to, before it is run; regular generation compiles as it goes.
CHECKED bool engine_prepare(Engine *engine, Error *error);
// As generation_run: equal prompts, all at the start; a listener and stops are not served.
CHECKED bool engine_run(Engine *engine, const GenerationRequest *request, GenerationResult *result,
                        Error *error);
CHECKED bool engine_logits(Engine *engine, const int32_t *ids, int64_t length, int64_t positions,
                           int64_t stepwise, float *logits, Error *error);
// As generation_set_context; with continuous batching requests take the contexts in turn.
CHECKED bool engine_set_context(Engine *engine, const int32_t *ids, int64_t batch, int64_t length,
                                Error *error);
int64_t engine_cache_bytes(const Engine *engine);
int64_t engine_scratch_bytes(const Engine *engine);
StepFacts engine_step_facts(const Engine *engine);
// Runs the load once; the request stands for those that the plan does not name. Returns
// {"batching": load_report_json, "requests": load_requests_json}, null of regular generation. New
// reference; NULL on failure.
CHECKED json_t *engine_load(Engine *engine, const GenerationRequest *request, Error *error);
