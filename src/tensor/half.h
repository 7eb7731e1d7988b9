// SPDX-License-Identifier: Apache-2.0
// One 16-bit float at a time, in portable C: the meaning that every faster conversion must match.
// Rounding is to nearest, ties to even; a NaN stays a (quiet) NaN.
#pragma once
#include <stdint.h>
#include <string.h>

typedef uint16_t bf16_t; // upper half of a float32
typedef uint16_t f16_t;  // IEEE 754 binary16

static inline float float_of_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static inline uint32_t bits_of_float(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static inline float bf16_to_float(bf16_t value) {
  return float_of_bits((uint32_t)value << 16);
}

static inline bf16_t float_to_bf16(float value) {
  uint32_t bits = bits_of_float(value);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return (bf16_t)((bits >> 16) | 64u);
  return (bf16_t)((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

static inline float f16_to_float(f16_t value) {
  uint32_t sign = (uint32_t)(value & 0x8000u) << 16, magnitude = value & 0x7FFFu;
  if (magnitude >= 0x7C00u) return float_of_bits(sign | 0x7F800000u | (magnitude & 0x3FFu) << 13);
  if (magnitude >= 0x0400u) return float_of_bits(sign | ((magnitude << 13) + 0x38000000u));
  float subnormal = (float)magnitude * 0x1p-24f;
  return sign ? -subnormal : subnormal;
}

static inline f16_t float_to_f16(float value) {
  uint32_t bits = bits_of_float(value), sign = (bits >> 16) & 0x8000u,
           magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return (f16_t)(sign | 0x7E00u | ((magnitude >> 13) & 0x3FFu));
  if (magnitude >= 0x477FF000u) return (f16_t)(sign | 0x7C00u); // rounds past 65504
  if (magnitude >= 0x38800000u) {
    uint32_t rounded = magnitude + 0xFFFu + ((magnitude >> 13) & 1u);
    return (f16_t)(sign | ((rounded - 0x38000000u) >> 13));
  }
  // Subnormal: adding 0.5 leaves the rounded multiple of 2^-24 in the low mantissa bits.
  uint32_t shifted = bits_of_float(float_of_bits(magnitude) + 0.5f) - 0x3F000000u;
  return (f16_t)(sign | shifted);
}
