// SPDX-License-Identifier: Apache-2.0
// safetensors files: u64 header size, a JSON header, the bytes of the tensors.
//
//   | N | { "name": {"dtype", "shape", "data_offsets": [begin, end]}, … }  | tensor bytes … |
//   0   8                                                                  8 + N        end of file
//
// Checked as the format's reference library does, in its order: sizes, UTF-8, JSON, fields, then
// that the tensors sorted by place cover the data without hole or overlap, that shapes, dtypes and
// sizes agree, and that nothing is left over. Stricter: no key may occur twice. Two limits are our
// own: 8 dimensions, and 2 million JSON values in a header, so that a hostile one costs bounded
// memory.
#pragma once
#include "formats/checkpoint.h"

// Reads `size` bytes that stay where they are as long as the checkpoint lives; adds the tensors and
// the `__metadata__` texts, and indexes it. `name` goes into errors. On failure the checkpoint
// holds some of them: the caller closes it.
CHECKED bool safetensors_parse(Checkpoint *checkpoint, const void *bytes, size_t size,
                               const char *name, Error *error);
// Maps one file. On failure *checkpoint is {0}.
CHECKED bool safetensors_open(Checkpoint *checkpoint, const char *path, Error *error);
// The weights of a model folder: model.safetensors, else the shards that
// model.safetensors.index.json lists. Neither is ERROR_NOT_FOUND, with a hint where the folder
// holds weights of another kind.
CHECKED bool safetensors_open_folder(Checkpoint *checkpoint, const char *folder, Error *error);
