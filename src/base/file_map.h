// SPDX-License-Identifier: Apache-2.0
// A file mapped read-only: model files are mapped, never read whole.
#pragma once
#include "base/error.h"

typedef struct {
  const unsigned char *data; // never NULL after a successful open, even of an empty file
  size_t size;               // bytes
} FileMap;

// Maps a regular file; a folder, a pipe or a device is ERROR_ARGUMENT.
CHECKED bool file_map_open(FileMap *map, const char *path, Error *error);
void file_map_close(FileMap *map); // leaves it zero; a zero map is fine
// Tells the system that these bytes will be read soon (in order), or not again: then their pages
// are given back. The range is cut to whole pages inside it; a hint, so it cannot fail.
void file_map_will_read(const FileMap *map, const void *begin, size_t size);
void file_map_release(const FileMap *map, const void *begin, size_t size);
