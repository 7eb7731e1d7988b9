// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/compile_phase.h"
#include "base/memory.h"

enum { TOKENS = 2 };

static bool make_tokens(Engine *engine, int64_t batch, const int32_t *prompts,
                        int64_t prompt_length, Error *error) {
  int32_t *ids = memory_allocate((size_t)batch * TOKENS * sizeof *ids);
  int64_t *times = memory_allocate((size_t)batch * TOKENS * sizeof *times);
  int64_t *counts = memory_allocate((size_t)batch * sizeof *counts);
  GenerationRequest request = {.batch = batch,
                               .prompt_length = prompt_length,
                               .new_tokens = TOKENS,
                               .prompts = prompts,
                               .sampling = sampling_greedy()};
  GenerationResult result = {.ids = ids, .times = times, .counts = counts};
  bool done = engine_run(engine, &request, &result, error);
  memory_free(ids);
  memory_free(times);
  memory_free(counts);
  return done;
}

Engine *compile_phase_open(const Model *model, Team *team, CpuTier tier, const EngineSetup *options,
                           const int32_t *prompts, int64_t prompt_length, Error *error) {
  Engine *engine = engine_open(model, team, tier, options, error);
  if (!engine) return NULL;
  if (engine_prepare(engine, error) &&
      make_tokens(engine, options->generator->max_batch, prompts, prompt_length, error))
    return engine;
  engine_close(engine);
  return NULL;
}

static json_t *tuning_json(const StepTunerFacts *facts) {
  return json_pack("{s:I, s:i, s:i, s:i, s:i, s:I}", "tuning_ns", (json_int_t)facts->tuning_ns,
                   "questions", facts->questions, "cache_hits", facts->cached, "candidates",
                   facts->candidates, "changed", facts->changed, "copied_bytes",
                   (json_int_t)facts->copied_bytes);
}

json_t *compile_phase_json(const StepFacts *facts) {
  int64_t total = facts->find_ns + facts->attention_ns + facts->trace_ns + facts->passes_ns +
                  facts->emit_ns + facts->build_ns + facts->load_ns + facts->bind_ns +
                  facts->tuning.tuning_ns;
  return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:i, s:i, s:i, s:i, s:i, "
                   "s:i, s:i, s:I, s:o}",
                   "total_ns", (json_int_t)total, "find_ns", (json_int_t)facts->find_ns,
                   "attention_ns", (json_int_t)facts->attention_ns, "trace_ns",
                   (json_int_t)facts->trace_ns, "passes_ns", (json_int_t)facts->passes_ns,
                   "emit_ns", (json_int_t)facts->emit_ns, "build_ns", (json_int_t)facts->build_ns,
                   "load_ns", (json_int_t)facts->load_ns, "bind_ns", (json_int_t)facts->bind_ns,
                   "programs", facts->programs, "recompiles", facts->recompiles, "built",
                   facts->built, "cache_hits", facts->cached, "nodes", facts->nodes, "groups",
                   facts->groups, "functions", facts->functions, "barriers", facts->barriers,
                   "planned_bytes", (json_int_t)facts->planned_bytes, "tuning",
                   facts->tuning.questions ? tuning_json(&facts->tuning) : json_null());
}
