// SPDX-License-Identifier: Apache-2.0
// The eager form of Ops: an operator's output is taken from the scope's arena and the operator runs
// at once. After a first pass over the same shapes nothing is taken from the heap.
#pragma once
#include "kernels/ops.h"

// Owns the arena of intermediates, the two buffers of the residual stream, and the scratch. The
// team and the kernels are borrowed.
Ops *eager_open(const Kernels *kernels, Team *team);
void eager_close(Ops *ops);          // NULL is fine
int64_t eager_bytes(const Ops *ops); // memory held for activations and scratch
