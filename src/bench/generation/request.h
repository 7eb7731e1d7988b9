// SPDX-License-Identifier: Apache-2.0
// What the parent asks of a worker process: one JSON object on its standard input. Descriptor 3 of
// the worker is the memory file of the weights, 4 that of the reference's logits (float32).
//
// The worker answers in lines of JSON on its standard output:
//   {"event": "progress", "phase": "warmup", "done": 1, "total": 3}
//   {"event": "result", …}                                       the last line, or
//   {"event": "error", "code": N, "where": "…", "message": "…"}
#pragma once
#include "base/arena.h"
#include "base/document.h"
#include "bench/generation/load_plan.h"
#include "bench/generation/precision.h"
#include "device/cpu.h"
#include "tensor/dtype.h"

enum { REQUEST_WEIGHTS = 3, REQUEST_REFERENCE = 4, REQUEST_LIMIT = 1 << 30 };

typedef enum {
  TASK_MAKE,      // make the weights in descriptor 3
  TASK_REFERENCE, // write the reference's logits into descriptor 4, answer its greedy ids
  TASK_SCENARIO,  // map the weights, measure, compare with descriptor 4
} WorkerTask;

// One prompt behind a context, and where its reference logits [steps + 1, vocabulary] lie in
// descriptor 4.
typedef struct {
  const int32_t *context; // [depth]: what the cache holds before the prompt
  int64_t depth;
  const int32_t *prompt; // [prompt_length]
  int64_t prompt_length;
  int64_t new_tokens;      // scenario: to generate; reference: greedy ids wanted, >= steps
  int64_t steps;           // teacher-forced after the prompt
  int64_t offset;          // bytes
  const int32_t *expected; // [expected_count]: the reference's greedy ids; scenario only
  int64_t expected_count;
} RequestCase;

typedef struct {
  WorkerTask task;
  const char *model;     // a path as model_open takes it
  Dtype dtype, rounding; // of the weights; what they are rounded to first
  int64_t seed;
  int64_t threads; // 0: all
  bool pin;
  CpuTier tier;
  const char *attention, *sdpa_backend; // sdpa_backend NULL: not forced
  bool kernelize;                       // scenario
  const char *compile_mode;             // scenario; NULL: not compiled
  bool dynamic;                         // scenario; compiled: one program for every length
  const char *dump_graph, *dump_folder; // scenario; which graphs are written and where; NULL: none
  const LoadPlan *load;                 // scenario; NULL: no continuous batching
  int64_t batch, warmup, iterations;    // scenario
  PrecisionGoal goal;                   // scenario
  bool brief; // scenario: times and the check alone: no ceilings, and code from the cache if it is
              // there
  const RequestCase *cases; // make: none; scenario: one
  int64_t case_count;
} WorkerRequest;

json_t *request_json(const WorkerRequest *request); // new reference
// Reads it back; everything lives in `arena`, whose texts are copies.
CHECKED bool request_read(const Field *field, Arena *arena, WorkerRequest *request, Error *error);
json_t *ids_json(const int32_t *ids, int64_t count); // new reference
// Reads an array of ids into the arena.
CHECKED bool ids_read(const Field *field, Arena *arena, const int32_t **ids, int64_t *count,
                      Error *error);
