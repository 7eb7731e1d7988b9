// SPDX-License-Identifier: Apache-2.0
// GGUF files, versions 2 and 3, little-endian:
//
//   "GGUF", version, counts | keys and values | name, dims, type, offset of each tensor | padding |
//   data: tensors one after another, each padded to general.alignment
//
// Everything is checked: sizes against what is left of the file, unique names, whole blocks, and
// that each tensor begins where the one before ends. Tensor types that widen_row does not know are
// refused by name. Shapes come in the order of PyTorch, outermost first, the reverse of the file's.
// Limits of our own: 65,536 keys and 2^20 tensors, so that a hostile file costs bounded memory.
#pragma once
#include "formats/checkpoint.h"
#include "formats/gguf_metadata.h"

typedef struct {
  uint32_t version;
  GgufMetadata metadata; // of the first part
  Checkpoint checkpoint; // the tensors of all parts, and the files that metadata points into
} Gguf;

void gguf_close(Gguf *gguf); // leaves it {0}; a zero one is fine
// Maps a file and, where it is the first of a split model (NAME-00001-of-0000N.gguf), the others
// beside it. On failure *gguf is {0}.
CHECKED bool gguf_open(Gguf *gguf, const char *path, Error *error);
// Reads `size` bytes of one file, which stay where they are as long as *gguf lives, and so does
// `name`, for errors. *gguf is {0} before; on failure the caller closes it.
CHECKED bool gguf_parse(Gguf *gguf, const void *bytes, size_t size, const char *name, Error *error);
