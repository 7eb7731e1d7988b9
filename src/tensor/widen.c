// SPDX-License-Identifier: Apache-2.0
#include "tensor/widen.h"
#include "tensor/half.h"
#include <assert.h>

// Every loop is written once, in portable C that compilers vectorize, and compiled twice: for the
// baseline of the target, and for AVX2, chosen at run time.
#define INLINED static inline __attribute__((always_inline))
#define UNALIGNED __attribute__((aligned(1), may_alias))

typedef uint16_t UNALIGNED U16;
typedef uint32_t UNALIGNED U32;
typedef uint64_t UNALIGNED U64;
typedef int8_t UNALIGNED I8;
typedef int16_t UNALIGNED I16;
typedef int32_t UNALIGNED I32;
typedef int64_t UNALIGNED I64;
typedef uint8_t UNALIGNED U8;
typedef float UNALIGNED F32;
typedef double UNALIGNED F64;

// f16_to_float as selections instead of branches.
INLINED float half_widened(uint32_t value) {
  uint32_t magnitude = value & 0x7FFFu, shifted = magnitude << 13;
  uint32_t subnormal = bits_of_float((float)(int32_t)magnitude * 0x1p-24f);
  uint32_t finite = magnitude < 0x0400u ? subnormal : shifted + 0x38000000u;
  uint32_t bits = magnitude >= 0x7C00u ? shifted | 0x7F800000u : finite;
  return float_of_bits(bits | (value & 0x8000u) << 16);
}

// OCP FP8 E4M3: bias 7, no infinity, all ones is NaN.
INLINED float e4m3_widened(uint32_t value) {
  uint32_t magnitude = value & 0x7Fu;
  uint32_t subnormal = bits_of_float((float)(int32_t)magnitude * 0x1p-9f);
  uint32_t finite = magnitude < 8 ? subnormal : (magnitude << 20) + (120u << 23);
  uint32_t bits = magnitude == 0x7Fu ? 0x7FC00000u : finite;
  return float_of_bits(bits | (value & 0x80u) << 24);
}

INLINED float scale_at(const uint8_t *block, int offset) {
  return f16_to_float(*(const U16 *)(block + offset));
}

#define PLAIN_LOOP(NAME, SOURCE, EXPRESSION)                                                       \
  INLINED void NAME(const uint8_t *restrict source, float *restrict out, int64_t count) {          \
    const SOURCE *restrict values = (const SOURCE *)source;                                        \
    for (int64_t i = 0; i < count; i++) out[i] = EXPRESSION;                                       \
  }
PLAIN_LOOP(f32, F32, values[i])
PLAIN_LOOP(f64, F64, (float)values[i])
PLAIN_LOOP(bf16, U16, float_of_bits((uint32_t)values[i] << 16))
PLAIN_LOOP(f16, U16, half_widened(values[i]))
PLAIN_LOOP(e5m2, U8, half_widened((uint32_t)values[i] << 8))
PLAIN_LOOP(e4m3, U8, e4m3_widened(values[i]))
PLAIN_LOOP(u8, U8, (float)values[i])
PLAIN_LOOP(i8, I8, (float)values[i])
PLAIN_LOOP(u16, U16, (float)values[i])
PLAIN_LOOP(i16, I16, (float)values[i])
PLAIN_LOOP(u32, U32, (float)values[i])
PLAIN_LOOP(i32, I32, (float)values[i])
PLAIN_LOOP(u64, U64, (float)values[i])
PLAIN_LOOP(i64, I64, (float)values[i])

// A row of blocks: BLOCK(block, out) widens one.
#define BLOCK_LOOP(NAME, ELEMENTS, BYTES)                                                          \
  INLINED void NAME(const uint8_t *restrict source, float *restrict out, int64_t count) {          \
    for (int64_t i = 0; i < count / (ELEMENTS); i++)                                               \
      NAME##_block(source + i * (BYTES), out + i * (ELEMENTS));                                    \
  }

// gcc would unroll this loop whole and then miss the vectors: 4 times slower, so it is told not to.
//
// f16 scale, u8 quants[16]
INLINED void q4_0_block(const uint8_t *restrict block, float *restrict out) {
  float scale = scale_at(block, 0);
  const uint8_t *quants = block + 2;
#pragma GCC unroll 1
  for (int j = 0; j < 16; j++) {
    out[j] = (float)((quants[j] & 15) - 8) * scale;
    out[j + 16] = (float)((quants[j] >> 4) - 8) * scale;
  }
}

// f16 scale, f16 least, u8 quants[16]
INLINED void q4_1_block(const uint8_t *restrict block, float *restrict out) {
  float scale = scale_at(block, 0), least = scale_at(block, 2);
  const uint8_t *quants = block + 4;
#pragma GCC unroll 1
  for (int j = 0; j < 16; j++) {
    out[j] = (float)(quants[j] & 15) * scale + least;
    out[j + 16] = (float)(quants[j] >> 4) * scale + least;
  }
}

// f16 scale, u32 fifth bits, u8 quants[16]
INLINED void q5_0_block(const uint8_t *restrict block, float *restrict out) {
  float scale = scale_at(block, 0);
  uint32_t high = *(const U32 *)(block + 2);
  const uint8_t *quants = block + 6;
  for (int j = 0; j < 16; j++) {
    int low_bit = (int)(high >> j & 1) << 4, high_bit = (int)(high >> (j + 16) & 1) << 4;
    out[j] = (float)(((quants[j] & 15) | low_bit) - 16) * scale;
    out[j + 16] = (float)(((quants[j] >> 4) | high_bit) - 16) * scale;
  }
}

// f16 scale, f16 least, u32 fifth bits, u8 quants[16]
INLINED void q5_1_block(const uint8_t *restrict block, float *restrict out) {
  float scale = scale_at(block, 0), least = scale_at(block, 2);
  uint32_t high = *(const U32 *)(block + 4);
  const uint8_t *quants = block + 8;
  for (int j = 0; j < 16; j++) {
    int low_bit = (int)(high >> j & 1) << 4, high_bit = (int)(high >> (j + 16) & 1) << 4;
    out[j] = (float)((quants[j] & 15) | low_bit) * scale + least;
    out[j + 16] = (float)((quants[j] >> 4) | high_bit) * scale + least;
  }
}

// f16 scale, i8 quants[32]
INLINED void q8_0_block(const uint8_t *restrict block, float *restrict out) {
  float scale = scale_at(block, 0);
  const I8 *quants = (const I8 *)(block + 2);
  for (int j = 0; j < 32; j++) out[j] = (float)quants[j] * scale;
}

// The 6-bit scale and least of sub-block k, of eight pairs packed into 12 bytes.
INLINED void packed_scale(const uint8_t *packed, int k, int *scale, int *least) {
  if (k < 4) {
    *scale = packed[k] & 63;
    *least = packed[k + 4] & 63;
  } else {
    *scale = (packed[k + 4] & 15) | (packed[k - 4] >> 6) << 4;
    *least = (packed[k + 4] >> 4) | (packed[k] >> 6) << 4;
  }
}

// f16 scale, f16 least, u8 packed[12], u8 quants[128]: 32 bytes hold two sub-blocks of 32.
INLINED void q4_k_block(const uint8_t *restrict block, float *restrict out) {
  float scale = scale_at(block, 0), least = scale_at(block, 2);
  for (int k = 0; k < 8; k++) {
    const uint8_t *quants = block + 16 + k / 2 * 32;
    int sub_scale, sub_least, shift = k % 2 * 4;
    packed_scale(block + 4, k, &sub_scale, &sub_least);
    float factor = scale * (float)sub_scale, offset = least * (float)sub_least;
    for (int j = 0; j < 32; j++)
      out[k * 32 + j] = (float)(quants[j] >> shift & 15) * factor - offset;
  }
}

// f16 scale, f16 least, u8 packed[12], u8 fifth bits[32], u8 quants[128]
INLINED void q5_k_block(const uint8_t *restrict block, float *restrict out) {
  float scale = scale_at(block, 0), least = scale_at(block, 2);
  const uint8_t *high = block + 16;
  for (int k = 0; k < 8; k++) {
    const uint8_t *quants = block + 48 + k / 2 * 32;
    int sub_scale, sub_least, shift = k % 2 * 4;
    packed_scale(block + 4, k, &sub_scale, &sub_least);
    float factor = scale * (float)sub_scale, offset = least * (float)sub_least;
    for (int j = 0; j < 32; j++)
      out[k * 32 + j] =
          (float)((quants[j] >> shift & 15) | (high[j] >> k & 1) << 4) * factor - offset;
  }
}

// u8 low[128], u8 high[64], i8 scales[16], f16 scale: two halves of 128; a byte of `high` holds the
// upper two bits of four elements 32 apart.
INLINED void q6_k_block(const uint8_t *restrict block, float *restrict out) {
  float scale = scale_at(block, 208);
  for (int part = 0; part < 16; part++) { // 16 elements each, one scale
    int half = part / 8, quarter = part % 8 / 2, begin = part % 2 * 16;
    const uint8_t *low = block + half * 64 + quarter % 2 * 32 + begin;
    const uint8_t *high = block + 128 + half * 32 + begin;
    float factor = scale * (float)*(const I8 *)(block + 192 + part);
    int low_shift = quarter / 2 * 4, high_shift = quarter * 2;
    for (int j = 0; j < 16; j++)
      out[part * 16 + j] =
          (float)(((low[j] >> low_shift & 15) | (high[j] >> high_shift & 3) << 4) - 32) * factor;
  }
}

BLOCK_LOOP(q4_0, 32, 18)
BLOCK_LOOP(q4_1, 32, 20)
BLOCK_LOOP(q5_0, 32, 22)
BLOCK_LOOP(q5_1, 32, 24)
BLOCK_LOOP(q8_0, 32, 34)
BLOCK_LOOP(q4_k, 256, 144)
BLOCK_LOOP(q5_k, 256, 176)
BLOCK_LOOP(q6_k, 256, 210)

// float_to_bf16 and float_to_f16 as selections.
INLINED uint16_t bf16_narrowed(float value) {
  uint32_t bits = bits_of_float(value);
  uint32_t rounded = (bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16, quiet = bits >> 16 | 64u;
  return (uint16_t)((bits & 0x7FFFFFFFu) > 0x7F800000u ? quiet : rounded);
}

INLINED uint16_t half_narrowed(float value) {
  uint32_t bits = bits_of_float(value), magnitude = bits & 0x7FFFFFFFu;
  uint32_t normal = (magnitude + 0xFFFu + (magnitude >> 13 & 1u) - 0x38000000u) >> 13;
  uint32_t subnormal = bits_of_float(float_of_bits(magnitude) + 0.5f) - 0x3F000000u;
  uint32_t quiet = 0x7E00u | (magnitude >> 13 & 0x3FFu);
  uint32_t small = magnitude < 0x38800000u ? subnormal : normal;
  uint32_t finite = magnitude >= 0x477FF000u ? 0x7C00u : small;
  return (uint16_t)((magnitude > 0x7F800000u ? quiet : finite) | (bits >> 16 & 0x8000u));
}

#define NARROW_LOOP(NAME, TARGET, EXPRESSION)                                                      \
  INLINED void NAME(const float *restrict source, void *restrict out, int64_t count) {             \
    TARGET *restrict values = out;                                                                 \
    for (int64_t i = 0; i < count; i++) values[i] = EXPRESSION;                                    \
  }
NARROW_LOOP(to_f32, F32, source[i])
NARROW_LOOP(to_bf16, U16, bf16_narrowed(source[i]))
NARROW_LOOP(to_f16, U16, half_narrowed(source[i]))

// dtype, its loop
#define WIDENED(X)                                                                                 \
  X(DTYPE_F32, f32)                                                                                \
  X(DTYPE_F64, f64)                                                                                \
  X(DTYPE_BF16, bf16)                                                                              \
  X(DTYPE_F16, f16)                                                                                \
  X(DTYPE_F8_E5M2, e5m2)                                                                           \
  X(DTYPE_F8_E4M3, e4m3)                                                                           \
  X(DTYPE_BOOL, u8)                                                                                \
  X(DTYPE_U8, u8)                                                                                  \
  X(DTYPE_I8, i8)                                                                                  \
  X(DTYPE_U16, u16)                                                                                \
  X(DTYPE_I16, i16)                                                                                \
  X(DTYPE_U32, u32)                                                                                \
  X(DTYPE_I32, i32)                                                                                \
  X(DTYPE_U64, u64)                                                                                \
  X(DTYPE_I64, i64)                                                                                \
  X(DTYPE_Q4_0, q4_0)                                                                              \
  X(DTYPE_Q4_1, q4_1)                                                                              \
  X(DTYPE_Q5_0, q5_0)                                                                              \
  X(DTYPE_Q5_1, q5_1)                                                                              \
  X(DTYPE_Q8_0, q8_0)                                                                              \
  X(DTYPE_Q4_K, q4_k)                                                                              \
  X(DTYPE_Q5_K, q5_k)                                                                              \
  X(DTYPE_Q6_K, q6_k)

bool widen_supports(Dtype dtype) {
  switch (dtype) {
#define X(DTYPE, LOOP) case DTYPE:
    WIDENED(X)
#undef X
    return true;
  default: return false;
  }
}

#define WIDEN_CASE(DTYPE, LOOP)                                                                    \
  case DTYPE: LOOP(source, out, count); break;

static void widen_baseline(Dtype dtype, const uint8_t *source, float *out, int64_t count) {
  switch (dtype) {
    WIDENED(WIDEN_CASE)
  default: break;
  }
}

static void narrow_baseline(Dtype dtype, const float *source, void *out, int64_t count) {
  if (dtype == DTYPE_F32)
    to_f32(source, out, count);
  else if (dtype == DTYPE_BF16)
    to_bf16(source, out, count);
  else
    to_f16(source, out, count);
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static void widen_avx2(Dtype dtype, const uint8_t *source,
                                                       float *out, int64_t count) {
  switch (dtype) {
    WIDENED(WIDEN_CASE)
  default: break;
  }
}

__attribute__((target("avx2"))) static void narrow_avx2(Dtype dtype, const float *source, void *out,
                                                        int64_t count) {
  if (dtype == DTYPE_F32)
    to_f32(source, out, count);
  else if (dtype == DTYPE_BF16)
    to_bf16(source, out, count);
  else
    to_f16(source, out, count);
}

void widen_row(Dtype dtype, const void *source, float *out, int64_t count) {
  assert(widen_supports(dtype));
  bool fast = __builtin_cpu_supports("avx2");
  (fast ? widen_avx2 : widen_baseline)(dtype, source, out, count);
}

void narrow_row(Dtype dtype, const float *source, void *out, int64_t count) {
  assert(dtype_is_compute(dtype));
  bool fast = __builtin_cpu_supports("avx2");
  (fast ? narrow_avx2 : narrow_baseline)(dtype, source, out, count);
}
#else
void widen_row(Dtype dtype, const void *source, float *out, int64_t count) {
  assert(widen_supports(dtype));
  widen_baseline(dtype, source, out, count);
}

void narrow_row(Dtype dtype, const float *source, void *out, int64_t count) {
  assert(dtype_is_compute(dtype));
  narrow_baseline(dtype, source, out, count);
}
#endif
