// SPDX-License-Identifier: Apache-2.0
#include "generate/scheduler.h"
#include <string.h>

static const Scheduler list[] = {
    {"fifo", {PHASE_DECODE, PHASE_SPLIT, PHASE_WAITING}, 0.2},
    {"prefill_first", {PHASE_SPLIT, PHASE_WAITING, PHASE_DECODE}, 0.0},
};

const Scheduler *scheduler_find(const char *name, Error *error) {
  for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)
    if (strcmp(list[i].name, name) == 0) return &list[i];
  error_set(error, ERROR_ARGUMENT, "scheduler", "is \"%s\", expected fifo or prefill_first", name);
  return NULL;
}
