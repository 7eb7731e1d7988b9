// SPDX-License-Identifier: Apache-2.0
// The result files of one model in a folder, and what they say about what scenarios took.
#pragma once
#include "base/array.h"
#include "base/document.h"

typedef ARRAY_OF(char *) FileNames;

enum { RESULT_FILE_LIMIT = 1 << 30 }; // bytes

// Names of the files PREFIX….json in the folder, newest first by their stamp, which sorts.
FileNames result_files_list(const char *folder, const char *prefix);
void result_files_free(FileNames *names);
// {"status", "plan"} of scenarios that were measured, by hash, from the newest of the few newest
// files that tell. A file that cannot be read tells nothing. New
// reference.
json_t *result_files_earlier(const char *output_dir, const char *model);
