// SPDX-License-Identifier: Apache-2.0
// A scenario worker's answer, read and checked: it comes from another process, which may have gone
// wrong in any way.
#pragma once
#include "bench/generation/roofline.h"
#include "bench/generation/token_times.h"
#include "bench/scenario.h"

typedef struct {
  int64_t iterations, batch, prompt_length, new_tokens;
  bool staggered; // of continuous batching
  int64_t *times; // [iterations, batch, new_tokens] nanoseconds
  int64_t *ends;  // [iterations]
  int32_t *ids;   // [iterations, new_tokens]: of the first sequence
  Work work;
  Ceilings ceilings; // read, fma and dot
  bool valid;        // the correctness verdict
} Answer;

// Shapes, counts and times are checked against the scenario; `most`: measured runs there may be, as
// many as the scenario says at least.
CHECKED bool answer_read(const json_t *result, const Scenario *scenario, int64_t most,
                         Answer *answer, Error *error);
void answer_free(Answer *answer);
TokenTimes answer_times(const Answer *answer, int64_t iteration);
