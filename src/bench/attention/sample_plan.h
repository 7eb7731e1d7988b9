// SPDX-License-Identifier: Apache-2.0
// Which part of a cell is compared with the float64 reference, so that the comparison costs bounded
// time: everything where that is cheap, else the same rows of queries in each head of some groups
// (a batch and a key/value head with its query heads).
//
// The gradients of a sample are exact too: the comparison is made with a dout that is zero outside
// the sampled rows, so that they alone add to dk and dv, and dq is zero in all others.
#pragma once
#include "attention/problem.h"

typedef struct {
  int64_t group_count, *groups; // ascending: batch * Hkv + key/value head
  int64_t row_count, *rows;     // ascending query indices
  bool full;                    // all groups, all rows
} SamplePlan;

// `work`: multiply-adds and the like that the reference may cost, SAMPLE_WORK usually. First and
// last row and group are always among them, the others are drawn by the seed.
SamplePlan sample_plan_make(const AttentionProblem *problem, bool backward, double work,
                            uint64_t seed);
void sample_plan_free(SamplePlan *plan); // a zero one is fine
bool sample_plan_has_row(const SamplePlan *plan, int64_t query);

#define SAMPLE_WORK 3e9
