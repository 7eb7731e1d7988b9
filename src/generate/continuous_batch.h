// SPDX-License-Identifier: Apache-2.0
// Continuous batching: requests of their own lengths come and go while others run. Each step is one
// pass over up to `token_budget` tokens: decoding sequences give one, prompts as many as the budget
// leaves (chunked prefill). Keys and values lie in blocks of a paged cache that sequences take as
// they grow; where there are none left, the youngest sequence gives its blocks back and is computed
// anew later (preemption by recompute). After Yu et al. 2022 (Orca) and Kwon et al. 2023
// (arXiv:2309.06180).
#pragma once
#include "generate/sampler.h"
#include "generate/step_programs.h"
#include "model/model.h"

typedef struct {
  const char *attention, *sdpa_backend; // as GeneratorOptions; served over pages
  Dtype cache_dtype;
  bool kernelize;
  const StepOptions *compile; // NULL: not compiled. Copied. Passes are padded to a few sizes, each
                              // compiled once, when it is first met or prepared
  int64_t max_sequences;      // that run at once
  int64_t max_tokens;         // of one sequence, prompt and new
  int64_t token_budget;       // tokens of one step
  int64_t blocks, block_size; // of the cache; tokens of a block
  const char *scheduler;      // generate/scheduler.h
  bool share_prefixes;        // full blocks of equal beginnings are held together
} BatchOptions;

// Owns the cache, the scratch and the requests. One team, one thread of control.
typedef struct Batch Batch;
// A request, from its submission to its end.
typedef struct Sequence Sequence;

typedef enum {
  BATCH_LENGTH,    // max_new_tokens were made
  BATCH_STOP,      // a stop id, or the listener said so
  BATCH_CANCELLED, // batch_cancel
} BatchEnd;

typedef struct {
  // A new token, as soon as it is known; false stops the request. May cancel and submit.
  bool (*token)(void *context, int32_t id);
  // The last that is heard of a request; `preemptions`: how often it was computed anew.
  void (*ended)(void *context, BatchEnd end, int64_t preemptions);
  // The first tokens of it are being computed; may be NULL.
  void (*started)(void *context);
} BatchListener;

typedef struct {
  const int32_t *prompt; // [prompt_length]; copied
  int64_t prompt_length, max_new_tokens;
  Sampling sampling;
  int64_t draw;            // which sequence the sampled draws are of
  const int32_t *stop_ids; // [stop_count]; they outlive the request
  int stop_count;
  const BatchListener *listener; // outlives the request
  void *context;
} BatchRequest;

// What the steps did.
typedef struct {
  int64_t steps, preemptions;
  int64_t rows, sampled; // over all steps: tokens computed, tokens made
  int64_t shared;        // tokens that were found computed
  int64_t most_running, most_blocks;
  int64_t plan_ns; // scheduling: all of a step but the pass and the listeners
  int64_t step_ns; // whole steps
} BatchFacts;

// The step taken last, while it ran.
typedef struct {
  int64_t rows, running, blocks; // tokens computed, sequences, blocks held
} BatchStep;

CHECKED Batch *batch_open(const Model *model, Team *team, CpuTier tier, const BatchOptions *options,
                          Error *error);
// Requests that still wait or run end without a word. NULL is fine.
void batch_close(Batch *batch);

// Compiles the passes of every size that there can be, so that none is met first while requests
// wait. Before any are submitted; without programs it does nothing.
CHECKED bool batch_prepare(Batch *batch, Error *error);
// What every later request stands behind: `count` contexts, ids [count, length], taken in turn.
// They are computed now, in blocks that stay; a request holds their full blocks and copies the last
// one. While no requests wait or run, else ERROR_ARGUMENT, as when the cache has no room for them.
// length 0: requests begin with nothing again, as they do at first.
CHECKED bool batch_set_context(Batch *batch, const int32_t *ids, int64_t count, int64_t length,
                               Error *error);
// Queues a request. NULL refuses it: nothing in it, ids outside the vocabulary, a sampling that
// makes no sense, or more tokens than a sequence or the whole cache can hold. The pointer is good
// until the listener is told of the end.
CHECKED Sequence *batch_submit(Batch *batch, const BatchRequest *request, Error *error);
// Ends it: at once, or with the step that is being taken.
void batch_cancel(Batch *batch, Sequence *sequence);
// One step; allocates nothing from the heap once steps of its size have been. With nothing to do it
// does nothing. An error leaves the batch unfit for further steps.
CHECKED bool batch_step(Batch *batch, Error *error);

int64_t batch_waiting(const Batch *batch);
int64_t batch_running(const Batch *batch);
int64_t batch_longest(const Batch *batch); // tokens of the longest sequence that is served
BatchStep batch_last_step(const Batch *batch);
int64_t batch_blocks_held(const Batch *batch);
BatchFacts batch_facts(const Batch *batch);
void batch_facts_clear(Batch *batch);
// Whether every block is free or held by exactly the contexts and running sequences that name it.
CHECKED bool batch_check(const Batch *batch, Error *error);

// Teacher forcing, as generation_logits, through pages and chunks, behind the first context.
// ERROR_ARGUMENT while requests wait or run.
CHECKED bool batch_logits(Batch *batch, const int32_t *ids, int64_t length, int64_t positions,
                          int64_t stepwise, float *logits, Error *error);

// Bytes, for the memory report: of all blocks that were in use at once, and activation scratch.
int64_t batch_cache_bytes(const Batch *batch);
int64_t batch_scratch_bytes(const Batch *batch);
// What compiling took so far; zero when nothing is compiled.
StepFacts batch_step_facts(const Batch *batch);
