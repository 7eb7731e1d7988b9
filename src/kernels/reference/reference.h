// SPDX-License-Identifier: Apache-2.0
// The operators in portable C, written to be read: what every other tier must equal. The entries
// are described in kernels/kernels.h. Sums are taken in double precision.
#pragma once
#include "kernels/kernels.h"

void reference_tile(const Tile *tile);
void reference_linear_direct(const Linear *linear, int64_t first, int64_t last);
void reference_scores_direct(const Matmul *product, int64_t begin, int64_t end);
void reference_values_direct(const Matmul *product, int64_t begin, int64_t end);
void reference_pack_rows(int rows, int64_t columns, const float *x, int64_t x_stride,
                         float *packed);
void reference_widen_panel(Dtype dtype, int64_t columns, const void *panel, float *out);
void reference_pack_panel(Dtype dtype, int64_t columns, const float *const source[MATRIX_PANEL],
                          void *panel);
void reference_transpose_panel(Dtype dtype, int64_t columns, const void *const source[MATRIX_PANEL],
                               void *panel);
void reference_gather_panel(Dtype dtype, int64_t columns, const void *const source[MATRIX_PANEL],
                            float *panel);
void reference_widen_rows(Dtype dtype, int64_t rows, const void *x, int64_t x_stride, float *out);
void reference_rms_norm(int64_t count, const float *x, const float *weight, float epsilon,
                        float *y);
void reference_layer_norm(int64_t count, const float *x, const float *weight, const float *bias,
                          float epsilon, float *y);
void reference_softmax(int64_t count, int64_t begin, int64_t end, float scale, const float *x,
                       float *y);
bool reference_softmax_rows(const SoftmaxRows *rows);
bool reference_all_finite(int64_t count, const float *x);
void reference_score_gradients(const ScoreGradients *gradients);
double reference_dot(int64_t count, const float *a, const float *b);
double reference_sum_exponentials(int64_t count, const float *x, float shift);
int64_t reference_argmax(int64_t count, const float *x);
void reference_activate(Activation activation, int64_t count, const float *x, float *y);
void reference_activate_multiply(Activation activation, int64_t count, const float *gate,
                                 const float *up, float *y);
void reference_exponential(int64_t count, const float *x, float *y);
void reference_add(int64_t count, const float *a, const float *b, float *y);
void reference_multiply(int64_t count, const float *a, const float *b, float *y);
void reference_scale(int64_t count, const float *x, float factor, float *y);
void reference_add_scaled(int64_t count, const float *x, float factor, float *y);
void reference_add_ramp(int64_t count, float start, float step, float *y);
void reference_soft_cap(int64_t count, float cap, const float *x, float *y);
void reference_soft_cap_slope(int64_t count, float cap, const float *x, float *y);
void reference_rope(int64_t heads, int64_t head_stride, int64_t half, const float *cosine,
                    const float *sine, float *x);
void reference_widen(Dtype dtype, int64_t count, const void *x, float *y);
void reference_narrow(Dtype dtype, int64_t count, const float *x, void *y);
