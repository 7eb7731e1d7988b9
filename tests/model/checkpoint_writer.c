// SPDX-License-Identifier: Apache-2.0
#include "checkpoint_writer.h"
#include "base/file.h"
#include "base/memory.h"
#include "tensor/widen.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void require(bool done, const char *what) {
  if (done) return;
  fprintf(stderr, "checkpoint writer: %s\n", what);
  abort();
}

char *writer_folder(void) {
  const char *root = getenv("TMPDIR");
  char *folder = path_join(root ? root : "/tmp", "model_test_XXXXXX");
  require(mkdtemp(folder) != NULL, "cannot make a folder");
  return folder;
}

void writer_remove(char *folder) {
  Text command = {0};
  text_append_format(&command, "rm -r '%s'", folder);
  require(system(command.data) == 0, "cannot remove the folder");
  text_free(&command);
  memory_free(folder);
}

static void write_bytes(const char *path, const Text *bytes) {
  Error error;
  require(file_write_atomically(path, bytes->data, bytes->size, &error), "cannot write");
}

void writer_text(const char *folder, const char *name, const char *text) {
  Text bytes = {0};
  text_append_text(&bytes, text);
  char *path = path_join(folder, name);
  write_bytes(path, &bytes);
  memory_free(path);
  text_free(&bytes);
}

static int64_t elements(const WrittenTensor *tensor) {
  return tensor->rows * (tensor->columns ? tensor->columns : 1);
}

static void append_values(Text *data, const WrittenTensor *tensor) {
  int64_t bytes = 0;
  require(dtype_bytes(tensor->dtype, elements(tensor), &bytes), "dtype");
  if (tensor->bytes) {
    text_append(data, tensor->bytes, (size_t)bytes);
    return;
  }
  char *narrow = memory_allocate((size_t)bytes);
  narrow_row(tensor->dtype, tensor->values, narrow, elements(tensor));
  text_append(data, narrow, (size_t)bytes);
  memory_free(narrow);
}

void writer_safetensors(const char *folder, const char *name, const WrittenTensor *tensors,
                        int count) {
  Text header = {0}, data = {0}, all = {0};
  text_append_text(&header, "{");
  for (int i = 0; i < count; i++) {
    size_t begin = data.size;
    append_values(&data, &tensors[i]);
    text_append_format(&header, "%s\"%s\": {\"dtype\": \"%s\", \"shape\": [%" PRId64, i ? ", " : "",
                       tensors[i].name, dtype_facts(tensors[i].dtype)->safetensors_name,
                       tensors[i].rows);
    if (tensors[i].columns) text_append_format(&header, ", %" PRId64, tensors[i].columns);
    text_append_format(&header, "], \"data_offsets\": [%zu, %zu]}", begin, data.size);
  }
  text_append_text(&header, "}");
  while (header.size % 8) text_append_character(&header, ' ');
  uint64_t size = header.size;
  text_append(&all, &size, sizeof size);
  text_append(&all, header.data, header.size);
  text_append(&all, data.data, data.size);
  char *path = path_join(folder, name);
  write_bytes(path, &all);
  memory_free(path);
  text_free(&header);
  text_free(&data);
  text_free(&all);
}

static void append_u32(Text *out, uint32_t value) {
  text_append(out, &value, sizeof value);
}

static void append_u64(Text *out, uint64_t value) {
  text_append(out, &value, sizeof value);
}

static void append_span(Text *out, const char *text) {
  append_u64(out, strlen(text));
  text_append_text(out, text);
}

static void append_key(Text *out, const WrittenKey *key) {
  enum { U32 = 4, F32 = 6, TEXT = 8 };
  float number = (float)key->number;
  append_span(out, key->key);
  append_u32(out, key->text ? TEXT : key->is_float ? F32 : U32);
  if (key->text)
    append_span(out, key->text);
  else if (key->is_float)
    text_append(out, &number, sizeof number);
  else
    append_u32(out, (uint32_t)key->number);
}

static void pad(Text *out) {
  while (out->size % 32) text_append_character(out, 0);
}

void writer_gguf(const char *path, const WrittenKey *keys, int key_count,
                 const WrittenTensor *tensors, int count) {
  Text out = {0}, data = {0};
  text_append_text(&out, "GGUF");
  append_u32(&out, 3);
  append_u64(&out, (uint64_t)count);
  append_u64(&out, (uint64_t)key_count);
  for (int i = 0; i < key_count; i++) append_key(&out, &keys[i]);
  for (int i = 0; i < count; i++) {
    append_span(&out, tensors[i].name);
    append_u32(&out, tensors[i].columns ? 2 : 1);
    if (tensors[i].columns) append_u64(&out, (uint64_t)tensors[i].columns);
    append_u64(&out, (uint64_t)tensors[i].rows);
    append_u32(&out, (uint32_t)dtype_facts(tensors[i].dtype)->ggml_id);
    append_u64(&out, data.size);
    append_values(&data, &tensors[i]);
    pad(&data);
  }
  pad(&out);
  text_append(&out, data.data, data.size);
  write_bytes(path, &out);
  text_free(&out);
  text_free(&data);
}
