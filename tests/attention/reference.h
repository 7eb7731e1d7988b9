// SPDX-License-Identifier: Apache-2.0
// Attention from its definition (attention/problem.h) in double precision, forward and backward,
// for any mod, and the comparison with it. Every test of an implementation stands on this.
#pragma once
#include "attention/problem.h"

// The mod in double precision; each NULL where there is none.
typedef struct {
  double (*score)(const void *data, double score, int64_t b, int64_t h, int64_t q, int64_t k);
  double (*derivative)(const void *data, double score, int64_t b, int64_t h, int64_t q, int64_t k);
  bool (*visible)(const void *data, int64_t b, int64_t h, int64_t q, int64_t k);
  const void *data;
} ReferenceMod;

// Dense; the gradients are NULL without dout.
typedef struct {
  double *out, *lse;    // [B, Hq, M, D], [B, Hq, M]
  double *dq, *dk, *dv; // [B, Hq, M, D], [B, Hkv, N, D] twice
  // As dq and dk: what delta (dout · out) is worth in them. Where few keys are seen the gradients
  // are small differences with it, and a rounded out costs as much as it is large.
  double *dq_delta, *dk_delta;
  // The largest |lse|: a float32 score is as far off as it is large, and its exponential with it.
  double largest_lse;
} Reference;

// `mod` NULL: noop. The problem's own mod is not looked at. Free with reference_free.
Reference reference_attention(const AttentionProblem *problem, const AttentionOperands *operands,
                              const Tensor *dout, const ReferenceMod *mod);
void reference_free(Reference *reference);

// Every element as a double, dense; the caller frees.
double *reference_values(const Tensor *tensor);

// How far a result is off: the largest difference over the largest element, and the norm of the
// difference over the norm. Infinite where a NaN or an infinity is in one but not the other.
typedef struct {
  double largest, norm;
} ReferenceError;
ReferenceError reference_error(int64_t count, const double *values, const double *expected);

typedef enum { REFERENCE_OUT, REFERENCE_LSE, REFERENCE_GRADIENT } ReferencePart;
// What rounding to the dtype and float32 sums may cost.
ReferenceError reference_bound(Dtype dtype, ReferencePart part);
// Fails the test with `what` and the figures when the tensor is further off than the bound.
void reference_check(const Tensor *values, const double *expected, ReferencePart part,
                     const char *what);
// As reference_check, all at once, the size of the scores allowed for.
void reference_check_result(const AttentionResult *result, const Reference *expected,
                            const char *what);
void reference_check_gradients(const AttentionGradients *gradients, const Reference *expected,
                               const char *what);
void reference_check_lse(int64_t count, const float *lse, const double *expected, const char *what);
