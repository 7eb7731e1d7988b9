// SPDX-License-Identifier: Apache-2.0
// A safetensors file of any bytes is refused with a message, or all of its tensors can be read.
#include "formats/safetensors.h"
#include "tensor/widen.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void read_all(const Checkpoint *checkpoint) {
  unsigned sum = 0;
  for (size_t i = 0; i < checkpoint->tensors.count; i++) {
    const NamedTensor *named = &checkpoint->tensors.items[i];
    const unsigned char *data = named->tensor.data;
    for (int64_t b = 0; b < checkpoint_tensor_bytes(&named->tensor); b++) sum += data[b];
    if (checkpoint_find(checkpoint, named->name) != &named->tensor) abort();
  }
  volatile unsigned kept = sum;
  (void)kept;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  Checkpoint checkpoint = {0};
  Error error = {0};
  if (safetensors_parse(&checkpoint, bytes, size, "fuzz.safetensors", &error))
    read_all(&checkpoint);
  else if (error.code == ERROR_NONE || !error.message[0])
    abort();
  checkpoint_close(&checkpoint);
  return 0;
}
