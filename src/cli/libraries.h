// SPDX-License-Identifier: Apache-2.0
// Versions of the libraries that this process runs with (not those it was built against).
#pragma once
#include <stddef.h>

typedef struct {
  const char *name;
  const char *(*version)(void); // lives as long as the program
} Library;

extern const Library libraries[];
extern const size_t libraries_count;
