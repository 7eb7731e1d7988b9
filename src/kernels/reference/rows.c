// SPDX-License-Identifier: Apache-2.0
#include "kernels/reference/reference.h"
#include "tensor/half.h"
#include <math.h>

void reference_rms_norm(int64_t count, const float *x, const float *weight, float epsilon,
                        float *y) {
  double squares = 0.0;
  for (int64_t i = 0; i < count; i++) squares += (double)x[i] * x[i];
  double factor = 1.0 / sqrt(squares / (double)count + epsilon);
  for (int64_t i = 0; i < count; i++) y[i] = (float)(weight[i] * (x[i] * factor));
}

void reference_layer_norm(int64_t count, const float *x, const float *weight, const float *bias,
                          float epsilon, float *y) {
  double sum = 0.0, squares = 0.0;
  for (int64_t i = 0; i < count; i++) sum += x[i];
  double mean = sum / (double)count;
  for (int64_t i = 0; i < count; i++) squares += (x[i] - mean) * (x[i] - mean);
  double factor = 1.0 / sqrt(squares / (double)count + epsilon);
  for (int64_t i = 0; i < count; i++)
    y[i] = (float)(weight[i] * ((x[i] - mean) * factor) + (bias ? bias[i] : 0.0));
}

// NaN if there is one, minus infinity if there is nothing.
static double largest_scaled(int64_t begin, int64_t end, float scale, const float *x) {
  double largest = -INFINITY;
  for (int64_t i = begin; i < end; i++)
    if (!((double)scale * x[i] <= largest)) largest = (double)scale * x[i];
  return largest;
}

void reference_softmax(int64_t count, int64_t begin, int64_t end, float scale, const float *x,
                       float *y) {
  double largest = largest_scaled(begin, end, scale, x), sum = 0.0;
  bool empty = largest == -INFINITY;
  for (int64_t i = begin; i < end && !empty; i++) sum += exp((double)scale * x[i] - largest);
  for (int64_t i = 0; i < count; i++) {
    bool valid = i >= begin && i < end && !empty;
    y[i] = valid ? (float)(exp((double)scale * x[i] - largest) / sum) : 0.0f;
  }
}

// The scores of one row under its new largest; returns their sum.
static double shift_row(int64_t count, float largest, float *x) {
  double sum = 0.0;
  for (int64_t i = 0; i < count; i++) {
    x[i] = x[i] == -INFINITY ? 0.0f : (float)exp((double)x[i] - largest);
    sum += x[i];
  }
  return sum;
}

bool reference_softmax_rows(const SoftmaxRows *rows) {
  bool grown = false;
  for (int64_t r = 0; r < rows->rows; r++) {
    float *x = rows->scores + r * rows->stride;
    float largest = rows->found ? rows->found[r] : rows->largest[r];
    for (int64_t i = 0; i < rows->columns && !rows->found; i++)
      if (x[i] > largest) largest = x[i];
    bool same = largest == rows->largest[r];
    rows->factor[r] = same ? 1.0f : (float)exp((double)rows->largest[r] - largest);
    grown |= !same;
    rows->largest[r] = largest;
    rows->sum[r] = (float)(rows->sum[r] * rows->factor[r] + shift_row(rows->columns, largest, x));
  }
  return grown;
}

bool reference_all_finite(int64_t count, const float *x) {
  for (int64_t i = 0; i < count; i++)
    if (!isfinite(x[i])) return false;
  return true;
}

void reference_score_gradients(const ScoreGradients *gradients) {
  for (int64_t r = 0; r < gradients->rows; r++) {
    float *scores = gradients->scores + r * gradients->stride;
    float *products = gradients->products + r * gradients->stride;
    const float *slopes = gradients->slopes ? gradients->slopes + r * gradients->stride : NULL;
    bool empty = gradients->lse[r] == -INFINITY;
    for (int64_t i = 0; i < gradients->columns; i++) {
      double score = (double)gradients->scale * scores[i];
      double p = empty ? 0.0 : exp(score - gradients->lse[r]), slope = slopes ? slopes[i] : 1.0;
      double product = p * slope * ((double)products[i] - gradients->delta[r]);
      scores[i] = (float)p;
      products[i] = scores[i] == 0.0f ? 0.0f : (float)product;
    }
  }
}

double reference_dot(int64_t count, const float *a, const float *b) {
  double sum = 0.0;
  for (int64_t i = 0; i < count; i++) sum += (double)a[i] * b[i];
  return sum;
}

double reference_sum_exponentials(int64_t count, const float *x, float shift) {
  double sum = 0.0;
  for (int64_t i = 0; i < count; i++) sum += exp((double)x[i] - shift);
  return sum;
}

int64_t reference_argmax(int64_t count, const float *x) {
  int64_t best = 0;
  for (int64_t i = 0; i < count; i++) {
    if (isnan(x[i])) return i;
    if (x[i] > x[best]) best = i;
  }
  return best;
}

void reference_activate(Activation activation, int64_t count, const float *x, float *y) {
  for (int64_t i = 0; i < count; i++) y[i] = (float)activation_value(activation, x[i]);
}

void reference_activate_multiply(Activation activation, int64_t count, const float *gate,
                                 const float *up, float *y) {
  for (int64_t i = 0; i < count; i++) y[i] = (float)(activation_value(activation, gate[i]) * up[i]);
}

void reference_exponential(int64_t count, const float *x, float *y) {
  for (int64_t i = 0; i < count; i++) y[i] = (float)exp(x[i]);
}

void reference_add(int64_t count, const float *a, const float *b, float *y) {
  for (int64_t i = 0; i < count; i++) y[i] = a[i] + b[i];
}

void reference_multiply(int64_t count, const float *a, const float *b, float *y) {
  for (int64_t i = 0; i < count; i++) y[i] = a[i] * b[i];
}

void reference_scale(int64_t count, const float *x, float factor, float *y) {
  for (int64_t i = 0; i < count; i++) y[i] = x[i] * factor;
}

void reference_add_scaled(int64_t count, const float *x, float factor, float *y) {
  for (int64_t i = 0; i < count; i++) y[i] += factor * x[i];
}

void reference_add_ramp(int64_t count, float start, float step, float *y) {
  for (int64_t i = 0; i < count; i++) y[i] += (float)(start + (double)i * step);
}

void reference_soft_cap(int64_t count, float cap, const float *x, float *y) {
  for (int64_t i = 0; i < count; i++) y[i] = (float)(cap * tanh((double)x[i] / cap));
}

void reference_soft_cap_slope(int64_t count, float cap, const float *x, float *y) {
  for (int64_t i = 0; i < count; i++) {
    double cosine = cosh((double)x[i] / cap);
    y[i] = (float)(y[i] / (cosine * cosine));
  }
}

void reference_rope(int64_t heads, int64_t head_stride, int64_t half, const float *cosine,
                    const float *sine, float *x) {
  for (int64_t head = 0; head < heads; head++, x += head_stride)
    for (int64_t i = 0; i < half; i++) {
      float a = x[i], b = x[i + half];
      x[i] = a * cosine[i] - b * sine[i];
      x[i + half] = b * cosine[i] + a * sine[i];
    }
}

void reference_widen(Dtype dtype, int64_t count, const void *x, float *y) {
  for (int64_t i = 0; i < count; i++) {
    if (dtype == DTYPE_F32)
      y[i] = ((const float *)x)[i];
    else if (dtype == DTYPE_BF16)
      y[i] = bf16_to_float(((const bf16_t *)x)[i]);
    else
      y[i] = f16_to_float(((const f16_t *)x)[i]);
  }
}

void reference_narrow(Dtype dtype, int64_t count, const float *x, void *y) {
  for (int64_t i = 0; i < count; i++) {
    if (dtype == DTYPE_F32)
      ((float *)y)[i] = x[i];
    else if (dtype == DTYPE_BF16)
      ((bf16_t *)y)[i] = float_to_bf16(x[i]);
    else
      ((f16_t *)y)[i] = float_to_f16(x[i]);
  }
}
