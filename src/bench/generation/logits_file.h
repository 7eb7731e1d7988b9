// SPDX-License-Identifier: Apache-2.0
// The reference's logits in a memory file shared between processes.
#pragma once
#include "base/error.h"
#include <stdint.h>

typedef struct {
  float *values; // [count]
  void *mapping; // page-aligned start of it
  int64_t mapped;
} LogitsView;

// Maps `count` floats at byte `offset` of the file, which must be large enough.
CHECKED bool logits_file_map(LogitsView *view, int descriptor, int64_t offset, int64_t count,
                             bool writable, Error *error);
void logits_file_unmap(LogitsView *view);
