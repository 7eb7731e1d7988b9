// SPDX-License-Identifier: Apache-2.0
// What worker processes without an engine have in common: a test program is its own worker.
#pragma once
#include "bench/generation/request.h"
#include "bench/prompt.h"

// Reads the request on standard input; it lives in the arena.
CHECKED bool fake_request(Arena *arena, WorkerRequest *request);
json_t *fake_make(void);                              // the answer to TASK_MAKE
json_t *fake_reference(const WorkerRequest *request); // to TASK_REFERENCE: all ids are 0
bool fake_prompt(void *context, int64_t vocabulary, int64_t length, TokenIds *ids, Error *error);
