// SPDX-License-Identifier: Apache-2.0
// NumPy's .npy files: one dense array.
//   "\x93NUMPY", major, minor, header size (u16; u32 from version 2), a Python dictionary of descr,
//   fortran_order and shape that ends in a newline, the elements
// Read: versions 1 to 3, little-endian, C order, at most 8 dimensions: float64, float32, float16,
// signed and unsigned integers of 1 to 8 bytes, bool. Written: version 1.0, float32.
#pragma once
#include "base/file_map.h"
#include "tensor/tensor.h"

// Views the array in `size` bytes; its data are read-only and may have any alignment. `name` goes
// into errors.
CHECKED bool npy_parse(const void *bytes, size_t size, const char *name, Tensor *out, Error *error);
// Maps a file; the tensor lives until file_map_close(map). On failure *map is {0}.
CHECKED bool npy_open(FileMap *map, const char *path, Tensor *out, Error *error);

// A float32 array being written in pieces, into a file beside `path` that takes its place when all
// is there.
typedef struct NpyWriter NpyWriter;

// `shape` has `rank` extents (0 to 8). NULL on failure.
CHECKED NpyWriter *npy_writer_open(const char *path, int rank, const int64_t *shape, Error *error);
// The next `count` elements in C order; never more than the shape has.
CHECKED bool npy_writer_append(NpyWriter *writer, const float *elements, int64_t count,
                               Error *error);
// Syncs and renames; it is an error if elements are missing. Frees the writer in any case; when it
// fails nothing of the file is left.
CHECKED bool npy_writer_close(NpyWriter *writer, Error *error);
// Drops a file half written. NULL is fine.
void npy_writer_abandon(NpyWriter *writer);

// All at once.
CHECKED bool npy_write(const char *path, int rank, const int64_t *shape, const float *elements,
                       Error *error);
