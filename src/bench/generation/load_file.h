// SPDX-License-Identifier: Apache-2.0
// A load in a file: one JSON object a line, a request each:
//
//   {"prompt": text | "ids": [int] | "prompt_tokens": int, "max_new_tokens": int, "arrival_s": s}
//
// prompt_tokens: so many tokens of the benchmark's prompt. Without max_new_tokens: those of the
// scenario; without arrival_s: at the start. Blank lines are passed over; unknown keys are errors.
#pragma once
#include "bench/generation/load_plan.h"
#include "tokenizer/bpe.h"

// Both append to *ids.
typedef struct {
  bool (*of_text)(void *context, const char *text, size_t size, TokenIds *ids, Error *error);
  bool (*of_length)(void *context, int64_t length, TokenIds *ids, Error *error);
  void *context;
} LoadPrompts;

enum { LOAD_FILE_LIMIT = 1 << 28 };

// Sets the plan's requests, in the arena, and its arrivals. Errors name the file, line and field.
CHECKED bool load_file_parse(const void *bytes, size_t size, const char *name,
                             const LoadPrompts *prompts, Arena *arena, LoadPlan *plan,
                             Error *error);
CHECKED bool load_file_read(const char *path, const LoadPrompts *prompts, Arena *arena,
                            LoadPlan *plan, Error *error);
