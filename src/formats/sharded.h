// SPDX-License-Identifier: Apache-2.0
// Models cut into several safetensors files, with an index that names the file of each tensor:
//   {"metadata": {…}, "weight_map": {"<tensor>": "<file beside the index>", …}}
// Tensors of a shard that the index does not list are left out; a listed tensor that its shard
// lacks is an error, and so is a shard name that leaves the folder of the index.
#pragma once
#include "formats/checkpoint.h"

// Reads the index file at `path` and maps every shard. On failure *checkpoint is {0}.
CHECKED bool sharded_open(Checkpoint *checkpoint, const char *path, Error *error);
