// SPDX-License-Identifier: Apache-2.0
// Element types: those the engine computes with, and those that only files hold.
#pragma once
#include "base/attributes.h"
#include <stdbool.h>
#include <stdint.h>

// dtype, name on command lines and in results, name in safetensors (or NULL), id in GGUF (or -1),
// elements in a block, bytes of a block. Plain types have blocks of one element.
#define DTYPES(X)                                                                                  \
  X(DTYPE_F32, "float32", "F32", 0, 1, 4)                                                          \
  X(DTYPE_BF16, "bfloat16", "BF16", 30, 1, 2)                                                      \
  X(DTYPE_F16, "float16", "F16", 1, 1, 2)                                                          \
  X(DTYPE_F64, "float64", "F64", 28, 1, 8)                                                         \
  X(DTYPE_BOOL, "bool", "BOOL", -1, 1, 1)                                                          \
  X(DTYPE_U8, "uint8", "U8", -1, 1, 1)                                                             \
  X(DTYPE_I8, "int8", "I8", 24, 1, 1)                                                              \
  X(DTYPE_U16, "uint16", "U16", -1, 1, 2)                                                          \
  X(DTYPE_I16, "int16", "I16", 25, 1, 2)                                                           \
  X(DTYPE_U32, "uint32", "U32", -1, 1, 4)                                                          \
  X(DTYPE_I32, "int32", "I32", 26, 1, 4)                                                           \
  X(DTYPE_U64, "uint64", "U64", -1, 1, 8)                                                          \
  X(DTYPE_I64, "int64", "I64", 27, 1, 8)                                                           \
  X(DTYPE_C64, "complex64", "C64", -1, 1, 8)                                                       \
  X(DTYPE_F4, "float4_e2m1", "F4", -1, 2, 1)                                                       \
  X(DTYPE_F6_E2M3, "float6_e2m3", "F6_E2M3", -1, 4, 3)                                             \
  X(DTYPE_F6_E3M2, "float6_e3m2", "F6_E3M2", -1, 4, 3)                                             \
  X(DTYPE_F8_E5M2, "float8_e5m2", "F8_E5M2", -1, 1, 1)                                             \
  X(DTYPE_F8_E4M3, "float8_e4m3", "F8_E4M3", -1, 1, 1)                                             \
  X(DTYPE_F8_E8M0, "float8_e8m0", "F8_E8M0", -1, 1, 1)                                             \
  X(DTYPE_F8_E4M3FNUZ, "float8_e4m3fnuz", "F8_E4M3FNUZ", -1, 1, 1)                                 \
  X(DTYPE_F8_E5M2FNUZ, "float8_e5m2fnuz", "F8_E5M2FNUZ", -1, 1, 1)                                 \
  X(DTYPE_Q4_0, "q4_0", NULL, 2, 32, 18)                                                           \
  X(DTYPE_Q4_1, "q4_1", NULL, 3, 32, 20)                                                           \
  X(DTYPE_Q5_0, "q5_0", NULL, 6, 32, 22)                                                           \
  X(DTYPE_Q5_1, "q5_1", NULL, 7, 32, 24)                                                           \
  X(DTYPE_Q8_0, "q8_0", NULL, 8, 32, 34)                                                           \
  X(DTYPE_Q2_K, "q2_k", NULL, 10, 256, 84)                                                         \
  X(DTYPE_Q3_K, "q3_k", NULL, 11, 256, 110)                                                        \
  X(DTYPE_Q4_K, "q4_k", NULL, 12, 256, 144)                                                        \
  X(DTYPE_Q5_K, "q5_k", NULL, 13, 256, 176)                                                        \
  X(DTYPE_Q6_K, "q6_k", NULL, 14, 256, 210)

typedef enum {
#define X(DTYPE, NAME, SAFETENSORS, GGML, ELEMENTS, BYTES) DTYPE,
  DTYPES(X)
#undef X
      DTYPE_COUNT
} Dtype;

typedef struct {
  const char *name, *safetensors_name;
  int ggml_id;
  int block_elements, block_bytes;
} DtypeFacts;

const DtypeFacts *dtype_facts(Dtype dtype);
const char *dtype_name(Dtype dtype);
// Finds a dtype by its name on command lines; false: there is none.
bool dtype_by_name(const char *name, Dtype *dtype);
bool dtype_by_safetensors_name(const char *name, Dtype *dtype);
bool dtype_by_ggml_id(uint32_t id, Dtype *dtype);
// Bytes of `elements` elements, which must be whole blocks. false: not whole, or over int64.
bool dtype_bytes(Dtype dtype, int64_t elements, int64_t *bytes);
// Whether the engine can store weights and caches in it: float32, bfloat16, float16.
bool dtype_is_compute(Dtype dtype);
