// SPDX-License-Identifier: Apache-2.0
// In which order a step of continuous batching takes work from its requests, as
// Hugging Face transformers names them:
//
//   fifo           decoding, then prompts begun, then requests that wait, which are only admitted
//                  while a fifth of the blocks is free
//   prefill_first  prompts begun, then requests that wait, then decoding
#pragma once
#include "base/error.h"

typedef enum { PHASE_DECODE, PHASE_SPLIT, PHASE_WAITING, SCHEDULER_PHASES } SchedulerPhase;

typedef struct {
  const char *name;
  SchedulerPhase phases[SCHEDULER_PHASES];
  double margin; // share of the blocks that has to be free for a request to be admitted
} Scheduler;

// ERROR_ARGUMENT: no scheduler of that name; the message lists them.
CHECKED const Scheduler *scheduler_find(const char *name, Error *error);
