// SPDX-License-Identifier: Apache-2.0
// What every file of weights turns into: named tensors that lie in mapped files, and texts about
// them. Nothing here knows about models.
#pragma once
#include "base/arena.h"
#include "base/array.h"
#include "base/file_map.h"
#include "base/text.h"
#include "tensor/tensor.h"

// `tensor` is dense; its data are little-endian, read-only and may have any alignment (widen_row
// takes that). `name` lives as long as the checkpoint.
typedef struct {
  const char *name;
  Tensor tensor;
} NamedTensor;

typedef struct {
  const char *key, *value;
} CheckpointText;

// Owns its names, texts and mapped files. {0} is an empty one that may be closed. A value that is
// filled by one thread and then only read, by any.
typedef struct {
  ARRAY_OF(NamedTensor) tensors;  // in the order of the file
  ARRAY_OF(CheckpointText) texts; // the metadata of a safetensors file
  ARRAY_OF(FileMap) maps;         // the files that own the bytes
  const NamedTensor **by_name;    // sorted; made by checkpoint_index
  Arena *arena;                   // names and texts; NULL until something was added
} Checkpoint;

void checkpoint_close(Checkpoint *checkpoint); // unmaps the files; leaves it {0}

// The tensor of that name, or NULL.
const Tensor *checkpoint_find(const Checkpoint *checkpoint, const char *name);
// The text of that key, or NULL.
const char *checkpoint_text(const Checkpoint *checkpoint, const char *key);
// Bytes of one tensor, and of all.
int64_t checkpoint_tensor_bytes(const Tensor *tensor);
int64_t checkpoint_bytes(const Checkpoint *checkpoint);
// Gives the pages of a tensor's data (or a view into it: `size` bytes at `data`) back to the
// system, once they were consumed, and those of its close neighbourhood; reading them again is
// right but takes another page fault.
void checkpoint_release(const Checkpoint *checkpoint, const Tensor *tensor);
void checkpoint_release_bytes(const Checkpoint *checkpoint, const void *data, size_t size);

// For the readers of the formats. A name is copied; it may hold no NUL. The rank and shape are
// checked by the caller.
void checkpoint_add(Checkpoint *checkpoint, Span name, Tensor tensor);
void checkpoint_add_text(Checkpoint *checkpoint, Span key, Span value);
// Maps a file that the checkpoint then owns.
CHECKED bool checkpoint_map(Checkpoint *checkpoint, const char *path, FileMap *map, Error *error);
// Hands the files of `part` over to `whole`; the tensors in them then live as long as `whole`.
void checkpoint_take_files(Checkpoint *whole, Checkpoint *part);
// A copy of the text that lives as long as the checkpoint.
const char *checkpoint_keep_text(Checkpoint *checkpoint, const char *text);
// Makes the tensors findable; call it again when more were added. A name that occurs twice is an
// error at `where`.
CHECKED bool checkpoint_index(Checkpoint *checkpoint, const char *where, Error *error);
