// SPDX-License-Identifier: Apache-2.0
// Compiling one scenario, apart from its measured runs: once cold (all code built anew, and kept),
// once from the cache, with the engine that is then measured.
#pragma once
#include "bench/generation/engine.h"

// Opens an engine and lets it compile what the prompts [batch, prompt_length] need, by making two
// tokens of each.
CHECKED Engine *compile_phase_open(const Model *model, Team *team, CpuTier tier,
                                   const EngineSetup *options, const int32_t *prompts,
                                   int64_t prompt_length, Error *error);
// {"find_ns", "attention_ns", "trace_ns", "passes_ns", "emit_ns", "build_ns", "load_ns", "bind_ns",
// "total_ns", "programs", …, "tuning": {"tuning_ns", "questions", …} or null}. New reference.
json_t *compile_phase_json(const StepFacts *facts);
