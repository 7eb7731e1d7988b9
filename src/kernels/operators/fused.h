// SPDX-License-Identifier: Apache-2.0
// What the fused operators share: a norm of the rows that a product takes, in scratch.
#pragma once
#include "kernels/operators/operators.h"
#include "kernels/operators/rows.h"

// Checks x, weight [, bias] against the matrix; false: *error says what is wrong.
bool fused_check(const Tensor *inputs, int count, const FusedAttributes *attributes, Error *error);
// Bytes of the rows' scratch, before that of the product: few rows are normalised by every thread
// for itself, more are shared.
int64_t fused_norm_bytes(const Kernels *kernels, const Tensor *inputs,
                         const FusedAttributes *attributes, int threads);
// The normalised rows [T, columns] of x; when they are shared they are complete after the barrier
// that this ends with.
const float *fused_norm(const OperatorPart *part, const Tensor *inputs, int count,
                        const FusedAttributes *attributes);
