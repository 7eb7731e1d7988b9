// SPDX-License-Identifier: Apache-2.0
// The vector operators of one tier, each named after it (avx2_tile, avx512_tile). What they do is
// in kernels/kernels.h.
#pragma once
#include "kernels/cpu/vector.h"

#if defined(LANES)
#define JOIN_NAMES(TIER, NAME) TIER##_##NAME
#define TIER_FUNCTION_OF(TIER, NAME) JOIN_NAMES(TIER, NAME)
#define TIER_FUNCTION(NAME) TIER_FUNCTION_OF(TIER_NAME, NAME)

// The largest tile: what leaves room for the operands in 16 or 32 registers.
#if LANES == 16
enum { TILE_ROWS = 12, TILE_PANELS = 2 };
#else
enum { TILE_ROWS = 6, TILE_PANELS = 1 };
#endif
enum { STREAMED_ROWS = 2, DIRECT_ROWS = 8 };

void TIER_FUNCTION(tile)(const Tile *tile);
void TIER_FUNCTION(linear_direct)(const Linear *linear, int64_t first, int64_t last);
void TIER_FUNCTION(scores_direct)(const Matmul *product, int64_t begin, int64_t end);
void TIER_FUNCTION(values_direct)(const Matmul *product, int64_t begin, int64_t end);
void TIER_FUNCTION(pack_rows)(int rows, int64_t columns, const float *x, int64_t x_stride,
                              float *packed);
#if defined(DOT_PAIRS)
void TIER_FUNCTION(linear_dot)(const Linear *linear, int64_t first, int64_t last);
void TIER_FUNCTION(linear_amx)(const Linear *linear, int64_t first, int64_t last);
void TIER_FUNCTION(tile_amx)(const Tile *tile);
void TIER_FUNCTION(pack_row_matrices)(int rows, int64_t columns, const float *x, int64_t x_stride,
                                      float *packed);
void TIER_FUNCTION(tile_dot)(const Tile *tile);
void TIER_FUNCTION(pack_row_pairs)(int rows, int64_t columns, const float *x, int64_t x_stride,
                                   float *packed);
#endif
void TIER_FUNCTION(widen_panel)(Dtype dtype, int64_t columns, const void *panel, float *out);
void TIER_FUNCTION(pack_panel)(Dtype dtype, int64_t columns,
                               const float *const source[MATRIX_PANEL], void *panel);
void TIER_FUNCTION(transpose_panel)(Dtype dtype, int64_t columns,
                                    const void *const source[MATRIX_PANEL], void *panel);
void TIER_FUNCTION(gather_panel)(Dtype dtype, int64_t columns,
                                 const void *const source[MATRIX_PANEL], float *panel);
void TIER_FUNCTION(widen_rows)(Dtype dtype, int64_t rows, const void *x, int64_t x_stride,
                               float *out);
void TIER_FUNCTION(rms_norm)(int64_t count, const float *x, const float *weight, float epsilon,
                             float *y);
void TIER_FUNCTION(layer_norm)(int64_t count, const float *x, const float *weight,
                               const float *bias, float epsilon, float *y);
void TIER_FUNCTION(softmax)(int64_t count, int64_t begin, int64_t end, float scale, const float *x,
                            float *y);
bool TIER_FUNCTION(softmax_rows)(const SoftmaxRows *rows);
bool TIER_FUNCTION(all_finite)(int64_t count, const float *x);
void TIER_FUNCTION(score_gradients)(const ScoreGradients *gradients);
double TIER_FUNCTION(dot)(int64_t count, const float *a, const float *b);
double TIER_FUNCTION(sum_exponentials)(int64_t count, const float *x, float shift);
int64_t TIER_FUNCTION(argmax)(int64_t count, const float *x);
void TIER_FUNCTION(activate)(Activation activation, int64_t count, const float *x, float *y);
void TIER_FUNCTION(activate_multiply)(Activation activation, int64_t count, const float *gate,
                                      const float *up, float *y);
void TIER_FUNCTION(exponential)(int64_t count, const float *x, float *y);
void TIER_FUNCTION(add)(int64_t count, const float *a, const float *b, float *y);
void TIER_FUNCTION(multiply)(int64_t count, const float *a, const float *b, float *y);
void TIER_FUNCTION(scale)(int64_t count, const float *x, float factor, float *y);
void TIER_FUNCTION(add_scaled)(int64_t count, const float *x, float factor, float *y);
void TIER_FUNCTION(add_ramp)(int64_t count, float start, float step, float *y);
void TIER_FUNCTION(soft_cap)(int64_t count, float cap, const float *x, float *y);
void TIER_FUNCTION(soft_cap_slope)(int64_t count, float cap, const float *x, float *y);
void TIER_FUNCTION(rope)(int64_t heads, int64_t head_stride, int64_t half, const float *cosine,
                         const float *sine, float *x);
void TIER_FUNCTION(widen)(Dtype dtype, int64_t count, const void *x, float *y);
void TIER_FUNCTION(narrow)(Dtype dtype, int64_t count, const float *x, void *y);
#endif
