// SPDX-License-Identifier: Apache-2.0
// Attention as separate operators: product, scale, mask, softmax, product.
#pragma once
#include "attention/attention.h"

Tensor attention_eager(Ops *ops, const AttentionSpec *spec, const AttentionInputs *inputs);
