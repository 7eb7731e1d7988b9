// SPDX-License-Identifier: Apache-2.0
#include "generate/sampler.h"
#include "base/memory.h"
#include "base/random.h"
#include <math.h>

typedef struct {
  float logit; // after the kept ones are weighed: the weight exp(logit - largest)
  int32_t id;
} Candidate;

struct Sampler {
  const Kernels *kernels;
  int64_t vocabulary;
  Candidate *candidates; // [vocabulary]
};

Sampling sampling_greedy(void) {
  return (Sampling){.sample = false, .temperature = 1.0, .top_p = 1.0};
}

bool sampling_check(const Sampling *sampling, Error *error) {
  if (!sampling->sample) return true;
  if (!(sampling->temperature > 0.0))
    return error_set(error, ERROR_ARGUMENT, "temperature", "is %g, expected more than 0",
                     sampling->temperature);
  if (sampling->top_k < 0)
    return error_set(error, ERROR_ARGUMENT, "top_k", "is %lld, expected 0 (off) or more",
                     (long long)sampling->top_k);
  if (!(sampling->top_p >= 0.0 && sampling->top_p <= 1.0))
    return error_set(error, ERROR_ARGUMENT, "top_p", "is %g, expected 0 to 1 (off)",
                     sampling->top_p);
  return true;
}

Sampler *sampler_open(const Kernels *kernels, int64_t vocabulary) {
  Sampler *sampler = memory_allocate(sizeof *sampler);
  sampler->kernels = kernels;
  sampler->vocabulary = vocabulary;
  sampler->candidates = memory_allocate((size_t)vocabulary * sizeof(Candidate));
  return sampler;
}

void sampler_close(Sampler *sampler) {
  if (!sampler) return;
  memory_free(sampler->candidates);
  memory_free(sampler);
}

// Whether a comes before b: larger first, then the smaller id.
static bool before(Candidate a, Candidate b) {
  return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

static void sift_down(Candidate *heap, int64_t count, int64_t at) {
  Candidate moved = heap[at];
  for (int64_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
    if (child + 1 < count && before(heap[child + 1], heap[child])) child++;
    if (!before(heap[child], moved)) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = moved;
}

static void heap_build(Candidate *heap, int64_t count) {
  for (int64_t at = count / 2 - 1; at >= 0; at--) sift_down(heap, count, at);
}

// Moves the first to the end of the heap, which shrinks by one; returns it.
static Candidate heap_pop(Candidate *heap, int64_t *count) {
  Candidate top = heap[0];
  heap[0] = heap[--*count];
  heap[*count] = top;
  if (*count > 1) sift_down(heap, *count, 0);
  return top;
}

static int64_t gather(Sampler *sampler, const float *logits, double temperature) {
  int64_t count = 0;
  for (int64_t i = 0; i < sampler->vocabulary; i++) {
    if (isnan(logits[i]) || logits[i] == -INFINITY) continue;
    sampler->candidates[count++] = (Candidate){(float)(logits[i] / temperature), (int32_t)i};
  }
  return count;
}

// Leaves the k best and their ties at the end of the array, best last; returns where they begin.
static int64_t keep_top_k(Candidate *candidates, int64_t count, int64_t k) {
  int64_t left = count;
  float last = -INFINITY;
  for (int64_t popped = 0; left > 0 && (popped < k || candidates[0].logit == last); popped++)
    last = heap_pop(candidates, &left).logit;
  return left;
}

// Turns logits into weights relative to the best; returns their sum.
static double weigh(Candidate *candidates, int64_t begin, int64_t end) {
  float best = -INFINITY;
  for (int64_t i = begin; i < end; i++) best = fmaxf(best, candidates[i].logit);
  double total = 0.0;
  for (int64_t i = begin; i < end; i++) {
    float difference = candidates[i].logit == best ? 0.0f : candidates[i].logit - best;
    candidates[i].logit = expf(difference);
    total += (double)candidates[i].logit;
  }
  return total;
}

// Leaves the smallest set whose share of `total` reaches top_p in the last places.
static int64_t keep_top_p(Candidate *candidates, int64_t count, double total, double top_p,
                          double *kept) {
  int64_t left = count;
  *kept = 0.0;
  while (left > 0 && *kept < top_p * total) *kept += (double)heap_pop(candidates, &left).logit;
  if (left == count && left > 0) *kept += (double)heap_pop(candidates, &left).logit;
  return left;
}

static int32_t greedy(const Sampler *sampler, const float *logits) {
  return (int32_t)sampler->kernels->argmax(sampler->vocabulary, logits);
}

int32_t sampler_choose(Sampler *sampler, const Sampling *sampling, const float *logits,
                       int64_t sequence, int64_t step) {
  if (!sampling->sample) return greedy(sampler, logits);
  Candidate *kept = sampler->candidates;
  int64_t count = gather(sampler, logits, sampling->temperature);
  if (count == 0) return greedy(sampler, logits);
  if (sampling->top_k > 0 && sampling->top_k < count) {
    heap_build(kept, count);
    int64_t begin = keep_top_k(kept, count, sampling->top_k);
    kept += begin;
    count -= begin;
  }
  double total = weigh(kept, 0, count);
  if (sampling->top_p < 1.0) {
    heap_build(kept, count);
    int64_t begin = keep_top_p(kept, count, total, sampling->top_p, &total);
    kept += begin;
    count -= begin;
  }
  uint64_t bits = random_at(sampling->seed, (uint64_t)sequence << 32 | (uint64_t)step);
  double target = (double)(bits >> 11) * 0x1p-53 * total;
  for (int64_t i = 0; i < count - 1; i++) {
    target -= (double)kept[i].logit;
    if (target < 0.0) return kept[i].id;
  }
  return kept[count - 1].id;
}
