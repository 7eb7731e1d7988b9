// SPDX-License-Identifier: Apache-2.0
// Compiled once per tier: TIER names the table, LANES is the number of floats in a register. The
// compiler turns a * b + c into one instruction where the tier has it (-ffp-contract=fast).
#include "device/ceiling_loops.h"
#include <stddef.h>

#define JOIN(A, B) A##B
#define TABLE_OF(TIER_NAME) JOIN(ceiling_loops_, TIER_NAME)
enum { CHAINS = 12 }; // at least latency x ports; with the two operands they fit 16 registers

typedef float Floats __attribute__((vector_size(LANES * sizeof(float))));
typedef uint64_t Words __attribute__((vector_size(LANES * sizeof(float))));

static float fma_rounds(int64_t rounds) {
  Floats chain[CHAINS], factor, addend;
  for (int i = 0; i < LANES; i++) factor[i] = 0.999f, addend[i] = 0.001f;
  for (int i = 0; i < CHAINS; i++) chain[i] = addend * (float)i;
  for (int64_t round = 0; round < rounds; round++) {
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++) chain[i] = chain[i] * factor + addend;
  }
  float sum = 0;
  for (int i = 0; i < CHAINS; i++) sum += chain[i][0];
  return sum;
}

#if defined(__AMX_BF16__) || defined(__AMXBF16__)
#include "device/amx.h"
#include <immintrin.h>
#define DOT_PRODUCT                                                                                \
  { 4 * 2 * 16 * 16 * 32, dot_rounds }

// Four matrices of sums, 16 x 16, from two of 16 rows and two of 16 columns, 32 deep.
static float dot_rounds(int64_t rounds) {
  AmxConfig config = {.palette = 1};
  float sums[AMX_SIDE][AMX_SIDE];
  for (int i = 0; i < AMX_REGISTERS; i++)
    config.rows[i] = AMX_SIDE, config.row_bytes[i] = AMX_ROW_BYTES;
  amx_configure(&config);
  for (int64_t round = 0; round < rounds; round++) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, sums, 64);
  _tile_release();
  return sums[0][0];
}
#elif defined(__AVX512BF16__)
#include <immintrin.h>
#define DOT_PRODUCT                                                                                \
  { (int64_t) DOT_CHAINS *LANES * 4, dot_rounds }
enum { DOT_CHAINS = 24 }; // its latency is longer

static float dot_rounds(int64_t rounds) {
  const int tiny = 0x33803380, near_one = 0x3F7F3F7F; // pairs of 2^-24 and of 0.996
  __m512 chain[DOT_CHAINS];
  __m512bh a = (__m512bh)_mm512_set1_epi32(near_one), b = (__m512bh)_mm512_set1_epi32(tiny);
  for (int i = 0; i < DOT_CHAINS; i++) chain[i] = _mm512_set1_ps((float)i);
  for (int64_t round = 0; round < rounds; round++) {
#pragma GCC unroll 24
    for (int i = 0; i < DOT_CHAINS; i++) chain[i] = _mm512_dpbf16_ps(chain[i], a, b);
  }
  float sum = 0;
  for (int i = 0; i < DOT_CHAINS; i++) sum += _mm512_cvtss_f32(chain[i]);
  return sum;
}
#else
#define DOT_PRODUCT                                                                                \
  { 0, NULL }
#endif

static uint64_t read_words(const void *data, int64_t bytes) {
  enum { SUMS = 8 };
  Words sum[SUMS] = {{0}};
  const Words *words = data;
  for (int64_t i = 0; i < bytes / (int64_t)sizeof(Words); i += SUMS) {
#pragma GCC unroll 8
    for (int j = 0; j < SUMS; j++) sum[j] += words[i + j];
  }
  uint64_t total = 0;
  for (int j = 0; j < SUMS; j++) total += sum[j][0] + sum[j][1];
  return total;
}

const CeilingLoops TABLE_OF(TIER) = {
    .fma = {(int64_t)CHAINS * LANES * 2, fma_rounds}, .dot = DOT_PRODUCT, .read = read_words};
