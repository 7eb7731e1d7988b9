// SPDX-License-Identifier: Apache-2.0
// A GGUF file of any bytes is refused with a message, or every key can be asked for as every type
// and all tensors can be widened.
#include "formats/gguf.h"
#include "tensor/widen.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void ask_arrays(const GgufMetadata *metadata, const char *key) {
  Error error;
  Span *texts, bytes;
  int64_t *integers;
  double *numbers;
  size_t count;
  if (gguf_metadata_texts(metadata, key, &texts, &count, &error)) {
    size_t sum = 0;
    for (size_t i = 0; i < count; i++)
      for (size_t b = 0; b < texts[i].size; b++) sum += (unsigned char)texts[i].data[b];
    volatile size_t kept = sum;
    (void)kept;
    memory_free(texts);
  }
  if (gguf_metadata_integers(metadata, key, &integers, &count, &error)) memory_free(integers);
  if (gguf_metadata_numbers(metadata, key, &numbers, &count, &error)) memory_free(numbers);
  if (gguf_metadata_bytes(metadata, key, &bytes, &error) && !bytes.data) abort();
}

static void ask(const GgufMetadata *metadata, Span key) {
  Text name = {0};
  Error error;
  int64_t integer;
  double number;
  bool flag;
  Span text;
  text_append(&name, key.data, key.size);
  bool any = gguf_metadata_integer(metadata, name.data, INT64_MIN, INT64_MAX, &integer, &error);
  any |= gguf_metadata_number(metadata, name.data, &number, &error);
  any |= gguf_metadata_boolean(metadata, name.data, &flag, &error);
  any |= gguf_metadata_text(metadata, name.data, &text, &error);
  if (!any) ask_arrays(metadata, name.data);
  text_free(&name);
}

static void widen_all(const Checkpoint *checkpoint) {
  static float row[256];
  for (size_t i = 0; i < checkpoint->tensors.count; i++) {
    const Tensor *tensor = &checkpoint->tensors.items[i].tensor;
    const DtypeFacts *facts = dtype_facts(tensor->dtype);
    const unsigned char *data = tensor->data;
    for (int64_t block = 0; block < tensor_elements(tensor) / facts->block_elements; block++)
      widen_row(tensor->dtype, data + block * facts->block_bytes, row, facts->block_elements);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  Gguf gguf = {0};
  Error error = {0};
  if (gguf_parse(&gguf, bytes, size, "fuzz.gguf", &error)) {
    for (size_t i = 0; i < gguf.metadata.entries.count; i++)
      ask(&gguf.metadata, gguf.metadata.entries.items[i].key);
    widen_all(&gguf.checkpoint);
  } else if (error.code == ERROR_NONE || !error.message[0])
    abort();
  gguf_close(&gguf);
  return 0;
}
