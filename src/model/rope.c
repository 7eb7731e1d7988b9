// SPDX-License-Identifier: Apache-2.0
#include "model/rope.h"
#include "base/memory.h"
#include <math.h>

struct Rope {
  RopeConfig config;
  int64_t capacity, pairs;
  int64_t ready;              // rows [0, ready) hold what the current frequencies give
  int64_t frequencies_length; // the length they were made for; 0: none yet
  float *frequencies;         // [pairs]
  float *cosine, *sine;       // [capacity, pairs]
};

static void default_frequencies(double theta, int64_t dimensions, float *frequencies) {
  for (int64_t k = 0; k < dimensions / 2; k++) {
    float exponent = (float)(2 * k) / (float)dimensions;
    frequencies[k] = 1.0f / powf((float)theta, exponent);
  }
}

static void dynamic_frequencies(const RopeConfig *rope, int64_t length, float *frequencies) {
  double positions = (double)rope->original_positions, dimensions = (double)rope->dimensions;
  double n = fmax((double)length, positions);
  double stretch = rope->factor * n / positions - (rope->factor - 1.0);
  double theta = rope->theta * pow(stretch, dimensions / (dimensions - 2.0));
  default_frequencies(theta, rope->dimensions, frequencies);
}

static void llama3_frequencies(const RopeConfig *rope, float *frequencies) {
  float factor = (float)rope->factor, original = (float)rope->original_positions;
  float low = (float)rope->low_frequency_factor, high = (float)rope->high_frequency_factor;
  for (int64_t k = 0; k < rope->dimensions / 2; k++) {
    float frequency = frequencies[k], wavelength = (float)(2.0 * M_PI) / frequency;
    if (wavelength < original / high) continue;
    if (wavelength > original / low) {
      frequencies[k] = frequency / factor;
      continue;
    }
    float smooth = (original / wavelength - low) / (high - low);
    frequencies[k] = (1.0f - smooth) * frequency / factor + smooth * frequency;
  }
}

// The dimension whose wavelength turns `rotations` times within the original positions.
static double yarn_dimension(const RopeConfig *rope, double rotations) {
  return (double)rope->dimensions *
         log((double)rope->original_positions / (rotations * 2.0 * M_PI)) /
         (2.0 * log(rope->theta));
}

static void yarn_frequencies(const RopeConfig *rope, float *frequencies) {
  double low = yarn_dimension(rope, rope->beta_fast), high = yarn_dimension(rope, rope->beta_slow);
  if (rope->truncate) low = floor(low), high = ceil(high);
  low = fmax(low, 0.0);
  high = fmin(high, (double)rope->dimensions - 1.0);
  if (low == high) high += 0.001;
  for (int64_t k = 0; k < rope->dimensions / 2; k++) {
    float ramp = ((float)k - (float)low) / (float)(high - low);
    ramp = ramp < 0.0f ? 0.0f : ramp > 1.0f ? 1.0f : ramp;
    float stretched = frequencies[k] / (float)rope->factor;
    frequencies[k] = stretched * ramp + frequencies[k] * (1.0f - ramp);
  }
}

void rope_frequencies(const RopeConfig *rope, int64_t length, float *frequencies) {
  if (rope->kind == ROPE_NONE) return;
  default_frequencies(rope->theta, rope->dimensions, frequencies);
  switch (rope->kind) {
  case ROPE_LINEAR:
    for (int64_t k = 0; k < rope->dimensions / 2; k++) frequencies[k] /= (float)rope->factor;
    break;
  case ROPE_DYNAMIC: dynamic_frequencies(rope, length, frequencies); break;
  case ROPE_LLAMA3: llama3_frequencies(rope, frequencies); break;
  case ROPE_YARN: yarn_frequencies(rope, frequencies); break;
  case ROPE_FACTORS:
    for (int64_t k = 0; k < rope->dimensions / 2; k++) frequencies[k] /= rope->factors[k];
    break;
  default: break;
  }
}

Rope *rope_open(const RopeConfig *config, int64_t capacity) {
  Rope *rope = memory_allocate(sizeof *rope);
  int64_t pairs = config->kind == ROPE_NONE ? 0 : config->dimensions / 2;
  *rope = (Rope){.config = *config, .capacity = capacity, .pairs = pairs};
  size_t row = (size_t)pairs * sizeof(float);
  rope->frequencies = memory_allocate(row);
  rope->cosine = memory_allocate((size_t)capacity * row);
  rope->sine = memory_allocate((size_t)capacity * row);
  return rope;
}

void rope_close(Rope *rope) {
  if (!rope) return;
  memory_free(rope->frequencies);
  memory_free(rope->cosine);
  memory_free(rope->sine);
  memory_free(rope);
}

// The length that decides the frequencies: all that change nothing are one.
static int64_t deciding_length(const RopeConfig *rope, int64_t length) {
  return rope->kind == ROPE_DYNAMIC && length > rope->original_positions ? length : 1;
}

static void fill(Rope *rope, int64_t begin, int64_t end) {
  float factor = (float)rope->config.attention_factor;
  for (int64_t position = begin; position < end; position++) {
    float *cosine = rope->cosine + position * rope->pairs;
    float *sine = rope->sine + position * rope->pairs;
    for (int64_t k = 0; k < rope->pairs; k++) {
      float angle = (float)position * rope->frequencies[k];
      cosine[k] = cosf(angle) * factor;
      sine[k] = sinf(angle) * factor;
    }
  }
}

void rope_prepare(Rope *rope, int64_t begin, int64_t end) {
  int64_t length = deciding_length(&rope->config, end);
  if (rope->frequencies_length != length) {
    rope_frequencies(&rope->config, length, rope->frequencies);
    rope->frequencies_length = length;
    rope->ready = 0;
  }
  if (end <= rope->ready) return;
  // Rows that a sequence still needs start at `begin`; those before `ready` are right already.
  bool joins = begin <= rope->ready;
  fill(rope, joins ? rope->ready : begin, end);
  if (joins) rope->ready = end;
}

static Tensor table(const Rope *rope, float *values) {
  int64_t shape[2] = {rope->capacity, rope->pairs};
  return tensor_dense(DTYPE_F32, 2, shape, values);
}

Tensor rope_cosine(const Rope *rope) {
  return table(rope, rope->cosine);
}

Tensor rope_sine(const Rope *rope) {
  return table(rope, rope->sine);
}
