// SPDX-License-Identifier: Apache-2.0
// The native stage of a mod that kernels can do by themselves: a mask that leaves each query one
// range of keys, and a score that stays, gets an affine term of the indices, or is capped.
#pragma once
#include "attention/native_stage.h"
#include "attention/problem.h"
#include "mods/recognize.h"

typedef struct {
  NativeStage native; // first: what the stage's data points to is a NativeMod too
  const Kernels *kernels;
  RowRanges *ranges;
  int64_t query_offset;
  int64_t heads;
  ModForm form;
  ModAffine *affine; // [batch, heads], of an affine form
  Region memory;     // spans, affine terms
} NativeMod;

// Whether the score is of such a form. What the mask is shows when the stage is opened.
CHECKED bool native_mod_supports(const AttentionProblem *problem, Error *error);
// NULL on failure; ERROR_UNSUPPORTED names the query whose keys are not one range.
CHECKED NativeMod *native_mod_open(const AttentionProblem *problem, int64_t block_rows,
                                   int64_t block_columns, const Kernels *kernels, Team *team,
                                   Error *error);
void native_mod_close(NativeMod *mod); // NULL is fine
// Of opening one and while it is open, at most; INT64_MAX: more than 64 bits count.
int64_t native_mod_bytes(const AttentionProblem *problem);
