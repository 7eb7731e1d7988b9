// SPDX-License-Identifier: Apache-2.0
#include "kernels/activation.h"
#include "base/attributes.h"
#include <math.h>
#include <string.h>

static const char *const names[ACTIVATION_COUNT] = {
#define X(ACTIVATION, NAME) [ACTIVATION] = NAME,
    ACTIVATIONS(X)
#undef X
};

static const struct {
  const char *name;
  Activation activation;
} other_names[] = {
    {"swish", ACTIVATION_SILU},
    {"gelu_python", ACTIVATION_GELU},
    {"gelu_new", ACTIVATION_GELU_TANH},
    {"gelu_pytorch_tanh", ACTIVATION_GELU_TANH},
    {"gelu_python_tanh", ACTIVATION_GELU_TANH},
    {"gelu_accurate", ACTIVATION_GELU_TANH},
    {"gelu_fast", ACTIVATION_GELU_TANH},
};

const char *activation_name(Activation activation) {
  return names[activation];
}

bool activation_by_name(const char *name, Activation *activation) {
  for (int i = 0; i < ACTIVATION_COUNT; i++)
    if (strcmp(name, names[i]) == 0) return *activation = (Activation)i, true;
  for (size_t i = 0; i < COUNT_OF(other_names); i++)
    if (strcmp(name, other_names[i].name) == 0)
      return *activation = other_names[i].activation, true;
  return false;
}

static double sigmoid(double x) {
  return 1.0 / (1.0 + exp(-x));
}

static double gelu(double x) {
  return 0.5 * x * (1.0 + erf(x * M_SQRT1_2));
}

// x times a factor that tends to 0: at minus infinity the product is 0, not NaN.
static double gated(double x, double factor) {
  return x == -INFINITY ? 0.0 : x * factor;
}

static double clip(double x, double low, double high) {
  return x < low ? low : x > high ? high : x;
}

double activation_value(Activation activation, double x) {
  switch (activation) {
  case ACTIVATION_SILU: return gated(x, sigmoid(x));
  case ACTIVATION_GELU: return x == -INFINITY ? 0.0 : gelu(x);
  case ACTIVATION_GELU_TANH:
    return gated(x, sigmoid(2.0 * sqrt(M_2_PI) * (x + 0.044715 * x * x * x)));
  case ACTIVATION_QUICK_GELU: return gated(x, sigmoid(1.702 * x));
  case ACTIVATION_GELU_10: return x == -INFINITY ? 0.0 : clip(gelu(x), -10.0, 10.0);
  case ACTIVATION_RELU: return x < 0.0 ? 0.0 : x;
  case ACTIVATION_RELU2: return x < 0.0 ? 0.0 : x * x;
  case ACTIVATION_RELU6: return clip(x, 0.0, 6.0);
  case ACTIVATION_TANH: return tanh(x);
  case ACTIVATION_SIGMOID: return sigmoid(x);
  case ACTIVATION_LEAKY_RELU: return x < 0.0 ? 0.01 * x : x;
  case ACTIVATION_MISH: return gated(x, tanh(log1p(exp(x))));
  case ACTIVATION_HARDSWISH: return gated(x, clip(x + 3.0, 0.0, 6.0) / 6.0);
  default: return x;
  }
}
