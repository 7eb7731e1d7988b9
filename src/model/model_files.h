// SPDX-License-Identifier: Apache-2.0
// The files that a model is read from, for the results: names, sizes, and hashes when asked for
// (hashing reads everything).
#pragma once
#include "base/arena.h"
#include "base/sha256.h"

typedef struct {
  const char *path, *name; // name: without the folder
  int64_t bytes;
  char sha256[SHA256_HEX_SIZE]; // "" until model_files_hash
} ModelFile;

typedef struct {
  ModelFile *files; // [count], sorted by name
  size_t count;
} ModelFiles;

// Lists the JSON files and the weights of a folder, or a GGUF file with the other parts of a split
// one; none for a preset. Lives in `arena`. Symbolic links are followed.
CHECKED bool model_files_list(ModelFiles *files, const char *path, Arena *arena, Error *error);
CHECKED bool model_files_hash(ModelFiles *files, Error *error);
