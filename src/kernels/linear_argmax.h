// SPDX-License-Identifier: Apache-2.0
// The first index of the largest element of each row of x Wᵀ + bias: the vocabulary's product of
// greedy decoding, without logits that nobody reads. As linear_run followed by Kernels.argmax, NaN
// included, bit for bit and whatever the number of threads.
#pragma once
#include "kernels/linear.h"

int64_t linear_argmax_scratch_bytes(const Kernels *kernels, int64_t rows, const Matrix *matrix,
                                    int threads);
// `linear` without y, and with scratch of the size above; its epilogue must be {0}. Writes
// indices [rows]. Few rows keep a block of y at a time in the first-level cache; more rows go
// through the scratch. Allocates nothing.
void linear_argmax_run(const Kernels *kernels, Team *team, const Linear *linear, int32_t *indices);
// One thread's part, for a caller that is already inside a task of the team (team: for barriers,
// when threads > 1). The indices are complete after the next barrier.
void linear_argmax_run_part(const Kernels *kernels, Team *team, const Linear *linear,
                            int32_t *indices, int thread, int threads);
