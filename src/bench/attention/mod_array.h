// SPDX-License-Identifier: Apache-2.0
// An array that expressions of the mods language index, read from an .npy file: integers become
// int32 or int64, floats float32, bool stays.
#pragma once
#include "base/memory.h"
#include "mods/mod.h"

// 1-D or 2-D, at least one element. The array's values lie in *memory: region_unmap. `name` is
// kept.
CHECKED bool mod_array_read(const char *path, const char *name, Region *memory, ModArray *array,
                            Error *error);
