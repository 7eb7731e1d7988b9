// SPDX-License-Identifier: Apache-2.0
// The parent's side of a worker: starts it, follows what it says until it is done, and tells how it
// ended in words that can stand in a result.
#pragma once
#include "base/child.h"
#include <jansson.h>

typedef struct {
  const char *program;    // "/proc/self/exe"
  char *const *arguments; // argv of it, NULL-terminated
  int64_t timeout_ns;     // of one worker
  int interrupt;          // descriptor that ends it when readable; -1: none
} WorkerCommand;

typedef enum {
  WORKER_DONE,    // *result is its answer
  WORKER_REFUSED, // it sent an error
  WORKER_FAILED,  // it crashed, was killed, sent garbage, or ended without an answer
  WORKER_TIMED_OUT,
  WORKER_INTERRUPTED, // ended by us
} WorkerStatus;

typedef struct {
  WorkerStatus status;
  json_t *result; // WORKER_DONE: owned
  Error error;    // otherwise: the worker's own error, or what happened to it
  int64_t peak_bytes;
} WorkerOutcome;

// Told of each progress event.
typedef void WorkerListener(void *context, const char *phase, int64_t done, int64_t total);

// Runs one worker to its end. `request` is stolen: what it finds on its standard input.
// descriptors [count] become 3, 4, … of it.
WorkerOutcome worker_process_run(const WorkerCommand *command, json_t *request,
                                 const int *descriptors, int count, WorkerListener *listener,
                                 void *context);
