// SPDX-License-Identifier: Apache-2.0
// Writes small model folders and GGUF files for the tests, in a temporary folder of their own.
#pragma once
#include "base/text.h"
#include "tensor/dtype.h"

// Makes an empty folder under TMPDIR; caller frees the name after writer_remove.
char *writer_folder(void);
void writer_remove(char *folder); // with everything in it; frees the name
void writer_text(const char *folder, const char *name, const char *text);

// Tensors to be written, row-major values as floats (rounded to the dtype).
typedef struct {
  const char *name;
  Dtype dtype;
  int64_t rows, columns; // columns 0: a vector
  const float *values;
  const void *bytes; // not NULL: the bytes as they stand, for block dtypes
} WrittenTensor;

void writer_safetensors(const char *folder, const char *name, const WrittenTensor *tensors,
                        int count);

// Metadata: keys of u32, float32 or text values (text not NULL: a text; is_float: number).
typedef struct {
  char key[64];
  const char *text;
  double number;
  bool is_float;
} WrittenKey;

void writer_gguf(const char *path, const WrittenKey *keys, int key_count,
                 const WrittenTensor *tensors, int count);
