// SPDX-License-Identifier: Apache-2.0
// Regular generation: one batch of equally long prompts, prefilled together, decoded in step.
#pragma once
#include "generate/sampler.h"
#include "generate/step_programs.h"
#include "model/model.h"

typedef struct {
  const char *attention;         // "eager", "sdpa", …: a name of attention/attention.h
  const char *sdpa_backend;      // NULL: the first that supports the case
  Dtype cache_dtype;             // usually the model's
  int64_t max_batch, max_tokens; // sequences, and tokens each (prompt + new): reserved, then reused
  bool kernelize;                // hand-written fused layers in place of primitive operators
  const StepOptions *compile;    // NULL: operators run as the model calls them; else programs of
                                 // whole passes, with a static cache. Copied
} GeneratorOptions;

// Owns the cache, the scratch and the operators for one model. One team, one thread of control.
typedef struct Generator Generator;

CHECKED Generator *generator_open(const Model *model, Team *team, CpuTier tier,
                                  const GeneratorOptions *options, Error *error);
void generator_close(Generator *generator); // NULL is fine

// One token of one sequence, as soon as it is known. Returning false stops that sequence.
typedef bool TokenListener(void *context, int64_t sequence, int32_t id);

typedef struct {
  int64_t batch, prompt_length, new_tokens;
  const int32_t *prompts;  // [batch, prompt_length]
  Sampling sampling;       // sampling_greedy() for the benchmark
  const int32_t *stop_ids; // [stop_count]; none in measured runs: EOS never stops them
  int stop_count;
  TokenListener *listener; // NULL in measured runs
  void *listener_context;
} GenerationRequest;

// The caller's storage; rows of [batch, new_tokens].
typedef struct {
  int32_t *ids;    // the new ids
  int64_t *times;  // nanoseconds from the start of the call to each token, or NULL
  int64_t *counts; // [batch]: tokens made, fewer than new_tokens only after a stop
  int64_t end;     // nanoseconds from the start to the end of the call
} GenerationResult;

// What the cache holds before every later run: fills it with ids [batch, length] once, in steps of
// at most GENERATION_CONTEXT_STEP tokens, operator by operator even where passes are compiled. Runs
// of at most `batch` sequences then begin by truncating the cache to `length`, and their prompts
// stand behind it. length 0: runs begin with an empty cache again, as they do at first.
enum { GENERATION_CONTEXT_STEP = 512 };
CHECKED bool generation_set_context(Generator *generator, const int32_t *ids, int64_t batch,
                                    int64_t length, Error *error);

// Truncates the cache to the context, prefills, decodes. Allocates nothing from the heap after a
// first run of the same shape. Ids outside the vocabulary, or more tokens than reserved, are
// ERROR_ARGUMENT.
CHECKED bool generation_run(Generator *generator, const GenerationRequest *request,
                            GenerationResult *result, Error *error);

// Teacher forcing: truncates the cache to the context, runs ids [length] of one sequence, and
// writes the logits [positions, vocabulary] of the last `positions` of them. With `stepwise` > 0
// the last `stepwise` ids are fed one by one, as in decoding; the rest is prefilled at once.
CHECKED bool generation_logits(Generator *generator, const int32_t *ids, int64_t length,
                               int64_t positions, int64_t stepwise, float *logits, Error *error);

// Bytes, for the memory report: cache pages in use after the last run, and activation scratch.
int64_t generator_cache_bytes(const Generator *generator);
int64_t generator_scratch_bytes(const Generator *generator);
// What compiling took so far; zero when nothing is compiled.
StepFacts generator_step_facts(const Generator *generator);
