// SPDX-License-Identifier: Apache-2.0
// Right before fast: the logits of a scenario against those of the reference (float32 eager on the
// same weights rounded to the scenario's dtype), at the last position of the prompt and at each
// teacher-forced step after it.
#pragma once
#include "base/document.h"
#include "tensor/dtype.h"

enum { CORRECTNESS_STEPS = 8, CORRECTNESS_TOKENS = 64 };

typedef struct {
  double error;            // max|difference| / max|reference|; infinite when anything is not finite
  double bound;            // of the dtype: 1e-4 float32, 1e-2 float16, 5e-2 bfloat16
  bool passed;             // error <= bound, and every first token the batch chose is within it too
  int64_t positions;       // compared
  int64_t compared_tokens; // generated tokens looked at
  int64_t first_diverging_token; // -1: none; information, not the verdict
} Correctness;

double correctness_bound(Dtype dtype);
double correctness_error(const float *logits, const float *reference, int64_t count);
// Whether the ids [batch, new_tokens] that a run chose could have been chosen with logits within
// the bound: sequences follow the reference's greedy ids until one differs; that one's reference
// logit must be within 2 x bound x max|reference| of the best. Looks at the positions whose
// reference logits [positions, vocabulary] exist. Fills the token fields.
bool correctness_of_tokens(const int32_t *ids, int64_t batch, int64_t new_tokens,
                           const int32_t *expected, int64_t expected_count, const float *reference,
                           int64_t positions, int64_t vocabulary, Correctness *correctness);
json_t *correctness_json(const Correctness *correctness); // new reference
