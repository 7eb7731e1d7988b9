// SPDX-License-Identifier: Apache-2.0
// What the working folder's git repository says about itself, for the metadata of results. Facts
// that cannot be had are absent, never invented.
#pragma once
#include <stdbool.h>

typedef struct {
  char branch[256], commit[65]; // "" when absent; branch "" when HEAD is detached
  char message[1024];           // first line of the commit's message; "" when absent
  int dirty;                    // 1 changed files, 0 none, -1 unknown
} Repository;

// Looks for .git in `folder` and above it. Branch and commit come from its files; message and dirty
// from the git program, when there is one.
Repository repository_read(const char *folder);
