// SPDX-License-Identifier: Apache-2.0
// Attention in double precision, from its definition (attention/problem.h) and the scalar meaning
// of the mod (mods/evaluate.h), of the rows that a SamplePlan names.
#pragma once
#include "base/memory.h"
#include "bench/attention/sample_plan.h"
#include "device/team.h"

// Rows are [groups][heads of the group][rows of the plan], keys [groups][N].
typedef struct {
  SamplePlan plan; // the caller's
  double *out;     // [rows, D]
  double *lse;     // [rows]
  double *dq;      // [rows, D]; as all below NULL without dout
  double *dk, *dv; // [keys, D]
  // What an error in rowsum(dout out) moves in an element, as out is rounded to the dtype before
  // the backward pass reads it.
  double *dq_size, *dk_size;
  double largest_score; // of all visible ones, after the mod, in magnitude
  Region memory;
} SampleReference;

// `dout` NULL: forward only; it must be zero outside the rows of the plan. False: no memory.
CHECKED bool sample_reference_make(const AttentionProblem *problem,
                                   const AttentionOperands *operands, const Tensor *dout,
                                   const SamplePlan *plan, Team *team, SampleReference *reference,
                                   Error *error);
void sample_reference_free(SampleReference *reference); // a zero one is fine
// Bytes that it holds while it is made.
int64_t sample_reference_bytes(const AttentionProblem *problem, bool backward,
                               const SamplePlan *plan, int threads);
