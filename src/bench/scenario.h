// SPDX-License-Identifier: Apache-2.0
// One row of the matrix, every field explicit. A plain value: copy it, compare it by its hash.
//
// The first block of fields is the peer's (in the order of its hashed object), the second is ours
// and enters the name only, as suffixes, where it differs from the default.
#pragma once
#include "base/sha256.h"
#include "bench/compile_kwargs.h"
#include "device/cpu.h"

enum {
  SCENARIO_NAME_SIZE = 320,
  SCENARIO_WORD_SIZE = 40,
  SCENARIO_MAX_ITERATIONS = 100000,
  SCENARIO_MAX_BATCH = 65536,
  SCENARIO_MAX_TOKENS = 1 << 24,
};

typedef struct {
  char name[SCENARIO_NAME_SIZE]; // "": inferred from the fields
  int64_t warmup_iterations, measurement_iterations;
  bool gpu_monitoring, continuous_batching;
  int64_t batch_size, sequence_length, num_tokens_to_generate;
  char attn_implementation[SCENARIO_WORD_SIZE];
  CompileKwargs compile;
  bool kernelize;

  int64_t depth;                         // tokens that the cache holds before the prompt
  char dtype[SCENARIO_WORD_SIZE];        // "bfloat16"
  char device[SCENARIO_WORD_SIZE];       // "": the first found
  int64_t threads;                       // 0: all
  char cpu_mask[SCENARIO_WORD_SIZE];     // "": none
  char sdpa_backend[SCENARIO_WORD_SIZE]; // "": not forced
  bool skip_validity_check;              // the rules of the matrix leave it alone
} Scenario;

Scenario scenario_standard(void); // the defaults of a configuration file
// Whether the numbers are in range (num_tokens_to_generate >= 2, or ITL is undefined) and the
// names are of something that exists. `where` goes into the error.
CHECKED bool scenario_check(const Scenario *scenario, const char *where, Error *error);
// Writes `text` into a field of SCENARIO_WORD_SIZE; too long becomes an error.
CHECKED bool scenario_set_word(char *field, const char *text, const char *where, Error *error);

// The tier that it runs on here: the cpu_chosen_tier of the mask.
CpuTier scenario_tier(const Scenario *scenario);

// The object that is hashed and shown as `config`. New reference.
json_t *scenario_config(const Scenario *scenario);
// Every field, ours included: what `attometer.requested` and `effective` hold. New reference.
json_t *scenario_json(const Scenario *scenario);
