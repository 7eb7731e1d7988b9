// SPDX-License-Identifier: Apache-2.0
// The three things a worker does. Each returns the object of its result event, or NULL with *error.
#pragma once
#include "bench/generation/request.h"
#include "device/team.h"

// Reads a request and does what it says.
CHECKED json_t *worker_task_run(const Field *request, int output, Error *error);
// Makes the weights in descriptor 3: how long it took, how large they are, what the model is.
CHECKED json_t *worker_make(const WorkerRequest *request, Team *team, Error *error);
// For each case: float32 eager logits [steps + 1, vocabulary] of the prompt's last position and
// the steps after it, written at its offset of descriptor 4; and the greedy ids.
CHECKED json_t *worker_reference(const WorkerRequest *request, Team *team, int output,
                                 Error *error);
// Measures, takes the ceilings, compares with the reference.
CHECKED json_t *worker_scenario(const WorkerRequest *request, Team *team, int output, Error *error);
