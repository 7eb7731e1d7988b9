// SPDX-License-Identifier: Apache-2.0
// A golden checkpoint (tests/golden): the folder, and what transformers gave for it.
#pragma once
#include "base/document.h"
#include "base/file.h"
#include "base/file_map.h"
#include "generate/generation.h"

extern const char *const golden_names[];
extern const int golden_count;

typedef struct {
  const char *name;
  char *path;
  int32_t *ids;
  int32_t *greedy;
  int64_t prompt_length, new_tokens, vocabulary;
  float *logits; // [prompt_length, vocabulary]
} Golden;

// Ends the test when a file is missing.
Golden golden_read(const char *name);
void golden_free(Golden *golden);
