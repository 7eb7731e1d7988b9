// SPDX-License-Identifier: Apache-2.0
// Architectures that need no files: preset:NAME. A preset is a config.json of its own; its weights
// are random, the same for the same seed whatever the threads, the dtype and the layout.
#pragma once
#include "model/config.h"

// "smollm2-135m" of "preset:smollm2-135m", or NULL where `path` names no preset.
const char *preset_of_path(const char *path);
// Reads the preset's configuration. An unknown name is ERROR_NOT_FOUND and lists the known ones.
CHECKED bool preset_config(const char *name, Arena *arena, ModelConfig *config, Error *error);
int preset_count(void);
// The name of the index-th preset (0 … preset_count() - 1); returns buffer.
char *preset_name(int index, char *buffer, size_t size);
// Writes the first `count` columns of one row of a tensor: random values of that mean and
// deviation (a sum of four uniform bytes: bounded, near normal). `tensor` is the tensor's own seed.
void preset_row(uint64_t tensor, int64_t row, int64_t count, float mean, float deviation,
                float *out);
