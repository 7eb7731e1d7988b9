// SPDX-License-Identifier: Apache-2.0
// The activation functions that models name in hidden_act, and their double-precision meaning.
#pragma once
#include <stdbool.h>

// enum, first name (the one printed). Other spellings: activation_by_name.
#define ACTIVATIONS(X)                                                                             \
  X(ACTIVATION_NONE, "linear")                                                                     \
  X(ACTIVATION_SILU, "silu")             /* x sigmoid(x) */                                        \
  X(ACTIVATION_GELU, "gelu")             /* x/2 (1 + erf(x / sqrt 2)) */                           \
  X(ACTIVATION_GELU_TANH, "gelu_tanh")   /* x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) */       \
  X(ACTIVATION_QUICK_GELU, "quick_gelu") /* x sigmoid(1.702 x) */                                  \
  X(ACTIVATION_GELU_10, "gelu_10")       /* gelu, clipped to [-10, 10] */                          \
  X(ACTIVATION_RELU, "relu")                                                                       \
  X(ACTIVATION_RELU2, "relu2") /* relu squared */                                                  \
  X(ACTIVATION_RELU6, "relu6")                                                                     \
  X(ACTIVATION_TANH, "tanh")                                                                       \
  X(ACTIVATION_SIGMOID, "sigmoid")                                                                 \
  X(ACTIVATION_LEAKY_RELU, "leaky_relu") /* slope 0.01 below 0 */                                  \
  X(ACTIVATION_MISH, "mish")             /* x tanh(log(1 + exp x)) */                              \
  X(ACTIVATION_HARDSWISH, "hardswish")   /* x relu6(x + 3) / 6 */

typedef enum {
#define X(ACTIVATION, NAME) ACTIVATION,
  ACTIVATIONS(X)
#undef X
      ACTIVATION_COUNT
} Activation;

const char *activation_name(Activation activation);
// Every spelling that config.json files use ("swish", "gelu_new", "gelu_pytorch_tanh", …).
bool activation_by_name(const char *name, Activation *activation);
// One value, exactly: what every kernel is tested against. NaN stays NaN.
double activation_value(Activation activation, double x);
