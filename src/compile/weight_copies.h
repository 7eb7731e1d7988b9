// SPDX-License-Identifier: Apache-2.0
// Row-major copies of float32 weight matrices, for products by OpenBLAS (kernels/linear_blas.h):
// made when a tuner asks for them, and kept where OpenBLAS wins.
#pragma once
#include "kernels/linear_blas.h"

typedef struct WeightCopies WeightCopies;

// library: OPENBLAS_FILE; it is opened when it is first asked for.
WeightCopies *weight_copies_open(const char *library);
void weight_copies_close(WeightCopies *copies); // NULL is fine
// With a copy of the matrix. NULL: OpenBLAS is not here, the weights are not float32, or all copies
// would take more than a quarter of the memory that is available.
const LinearBlas *weight_copies_of(WeightCopies *copies, const Matrix *matrix);
// What was asked for since the last trim is kept to the end.
void weight_copies_retain(WeightCopies *copies);
// The rest goes.
void weight_copies_trim(WeightCopies *copies);
int64_t weight_copies_bytes(const WeightCopies *copies);
