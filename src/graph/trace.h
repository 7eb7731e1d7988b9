// SPDX-License-Identifier: Apache-2.0
// The recording form of Ops: what a model's code calls becomes the nodes of a graph, and nothing is
// computed. Results stand in memory that may not be touched (a reserved mapping), so that the views
// that model code makes of them by pointer arithmetic lead back to the value and an offset.
#pragma once
#include "graph/graph.h"

// Owns the graph until trace_take. NULL on failure.
CHECKED Ops *trace_open(Error *error);
void trace_close(Ops *ops); // NULL is fine
// Marks a tensor as one that the caller reads after a run. After an error it does nothing.
void trace_output(Ops *ops, const Tensor *tensor);
// Hands the graph over; the trace is empty afterwards. NULL with *error set: the traced code
// failed.
CHECKED Graph *trace_take(Ops *ops, Error *error);
