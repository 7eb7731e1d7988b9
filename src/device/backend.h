// SPDX-License-Identifier: Apache-2.0
// The back ends that a build could use on this machine: found, or why not.
#pragma once
#include "base/text.h"

enum { BACKEND_COUNT = 3 };

typedef struct {
  const char *name; // "cpu", "openblas", "cuda"
  bool found;
  bool used;   // by this build
  Text detail; // version, tiers, or the reason of its absence
} Backend;

void backends_find(Backend backends[BACKEND_COUNT]);
void backends_free(Backend backends[BACKEND_COUNT]);
