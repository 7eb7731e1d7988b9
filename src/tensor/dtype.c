// SPDX-License-Identifier: Apache-2.0
#include "tensor/dtype.h"
#include <string.h>

static const DtypeFacts facts[DTYPE_COUNT] = {
#define X(DTYPE, NAME, SAFETENSORS, GGML, ELEMENTS, BYTES)                                         \
  {NAME, SAFETENSORS, GGML, ELEMENTS, BYTES},
    DTYPES(X)
#undef X
};

const DtypeFacts *dtype_facts(Dtype dtype) {
  return &facts[dtype];
}

const char *dtype_name(Dtype dtype) {
  return facts[dtype].name;
}

bool dtype_by_name(const char *name, Dtype *dtype) {
  for (int i = 0; i < DTYPE_COUNT; i++) {
    if (strcmp(facts[i].name, name) != 0) continue;
    *dtype = (Dtype)i;
    return true;
  }
  return false;
}

bool dtype_by_safetensors_name(const char *name, Dtype *dtype) {
  for (int i = 0; i < DTYPE_COUNT; i++) {
    if (!facts[i].safetensors_name || strcmp(facts[i].safetensors_name, name) != 0) continue;
    *dtype = (Dtype)i;
    return true;
  }
  return false;
}

bool dtype_by_ggml_id(uint32_t id, Dtype *dtype) {
  for (int i = 0; i < DTYPE_COUNT; i++) {
    if (facts[i].ggml_id < 0 || (uint32_t)facts[i].ggml_id != id) continue;
    *dtype = (Dtype)i;
    return true;
  }
  return false;
}

bool dtype_bytes(Dtype dtype, int64_t elements, int64_t *bytes) {
  const DtypeFacts *f = &facts[dtype];
  if (elements < 0 || elements % f->block_elements) return false;
  return !__builtin_mul_overflow(elements / f->block_elements, (int64_t)f->block_bytes, bytes);
}

bool dtype_is_compute(Dtype dtype) {
  return dtype == DTYPE_F32 || dtype == DTYPE_BF16 || dtype == DTYPE_F16;
}
