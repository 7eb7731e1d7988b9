// SPDX-License-Identifier: Apache-2.0
// A model's configuration from the metadata of a GGUF file, and from which tensors it has.
#pragma once
#include "formats/gguf.h"
#include "model/config.h"

// Fills *config; what it points to lives in `arena`. An architecture that is not read from GGUF is
// ERROR_UNSUPPORTED and lists those that are. `name` goes into errors.
CHECKED bool gguf_config(const Gguf *gguf, const char *name, Arena *arena, ModelConfig *config,
                         Error *error);
