// SPDX-License-Identifier: Apache-2.0
// One case of attention whose tensors come from a folder of .npy files and go into another, so that
// anybody can check what a back end computes. The files hold float32 whatever the dtype: inputs are
// rounded to it when they are read, results are its values widened.
//
//   read     q.npy [B, Hq, M, D]   k.npy, v.npy [B, Hkv, N, D]   dout.npy [B, Hq, M, D], if there
//   written  out.npy, dq.npy [B, Hq, M, D]   lse.npy [B, Hq, M]   dk.npy, dv.npy [B, Hkv, N, D]
//
// NaN and infinities are data like any other.
#pragma once
#include "attention/backend.h"
#include "base/memory.h"

typedef struct {
  AttentionProblem problem; // its mod is set by the caller
  bool backward;            // dout.npy is there
  Region memory;            // of all below
  AttentionOperands operands;
  Tensor dout;
  AttentionResult result;
  AttentionGradients gradients;
} AttentionCell;

// Reads the inputs; scale is 1 / sqrt(D). Results hold NaN until they are computed. On failure
// nothing is held.
CHECKED bool attention_cell_load(AttentionCell *cell, const char *folder, Dtype dtype,
                                 Error *error);
void attention_cell_close(AttentionCell *cell); // a zero one is fine
// Runs it once; *code: whether its mod was compiled. What the back end refuses is
// ERROR_UNSUPPORTED; more memory than the machine has left is ERROR_MEMORY.
CHECKED bool attention_cell_run(const AttentionCell *cell, const AttentionBackend *backend,
                                const AttentionSetup *setup, AttentionCodeFacts *code,
                                Error *error);
// Writes the results into the folder, which is made if it is not there; a file appears whole.
CHECKED bool attention_cell_save(const AttentionCell *cell, const char *folder, Error *error);
