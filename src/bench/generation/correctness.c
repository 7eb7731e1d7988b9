// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/correctness.h"
#include <math.h>

double correctness_bound(Dtype dtype) {
  switch (dtype) {
  case DTYPE_F32: return 1e-4;
  case DTYPE_F16: return 1e-2;
  default: return 5e-2;
  }
}

static double largest_magnitude(const float *values, int64_t count) {
  double largest = 0;
  for (int64_t i = 0; i < count; i++) {
    if (!isfinite(values[i])) return INFINITY;
    double magnitude = fabs((double)values[i]);
    if (magnitude > largest) largest = magnitude;
  }
  return largest;
}

double correctness_error(const float *logits, const float *reference, int64_t count) {
  double largest = 0, scale = largest_magnitude(reference, count);
  for (int64_t i = 0; i < count; i++) {
    double distance = fabs((double)logits[i] - (double)reference[i]);
    if (!(distance <= INFINITY) || isinf(distance)) return INFINITY;
    if (distance > largest) largest = distance;
  }
  if (isinf(scale) || scale == 0) return largest == 0 && scale == 0 ? 0 : INFINITY;
  return largest / scale;
}

// How far below the best logit of its row the chosen one is.
static double shortfall(const float *row, int64_t vocabulary, int32_t chosen) {
  if (chosen < 0 || chosen >= vocabulary) return INFINITY;
  float best = row[0];
  for (int64_t i = 1; i < vocabulary; i++)
    if (row[i] > best) best = row[i];
  return (double)best - (double)row[chosen];
}

static int64_t diverging_token(const int32_t *ids, const int32_t *expected, int64_t count) {
  for (int64_t i = 0; i < count; i++)
    if (ids[i] != expected[i]) return i;
  return -1;
}

bool correctness_of_tokens(const int32_t *ids, int64_t batch, int64_t new_tokens,
                           const int32_t *expected, int64_t expected_count, const float *reference,
                           int64_t positions, int64_t vocabulary, Correctness *correctness) {
  int64_t count = new_tokens < expected_count ? new_tokens : expected_count;
  double allowed = 2 * correctness->bound * largest_magnitude(reference, positions * vocabulary);
  bool plausible = true;
  correctness->compared_tokens = count;
  correctness->first_diverging_token = -1;
  for (int64_t i = 0; i < batch; i++) {
    const int32_t *sequence = ids + i * new_tokens;
    int64_t at = diverging_token(sequence, expected, count);
    if (at < 0) continue;
    int64_t earliest = correctness->first_diverging_token;
    if (earliest < 0 || at < earliest) correctness->first_diverging_token = at;
    if (at < positions &&
        !(shortfall(reference + at * vocabulary, vocabulary, sequence[at]) <= allowed))
      plausible = false;
  }
  return plausible;
}

json_t *correctness_json(const Correctness *correctness) {
  json_t *object = json_object();
  json_object_set_new(object, "reference",
                      json_string("float32 eager on the weights rounded to the dtype"));
  json_object_set_new(object, "error",
                      isfinite(correctness->error) ? json_real(correctness->error) : json_null());
  json_object_set_new(object, "bound", json_real(correctness->bound));
  json_object_set_new(object, "verdict", json_string(correctness->passed ? "valid" : "invalid"));
  json_object_set_new(object, "positions", json_integer(correctness->positions));
  json_object_set_new(object, "compared_tokens", json_integer(correctness->compared_tokens));
  json_object_set_new(object, "first_diverging_token",
                      correctness->first_diverging_token < 0
                          ? json_null()
                          : json_integer(correctness->first_diverging_token));
  return object;
}
