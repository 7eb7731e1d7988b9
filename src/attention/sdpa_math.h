// SPDX-License-Identifier: Apache-2.0
// Scaled dot product attention with back end "math": one operator that holds scores.
#pragma once
#include "attention/attention.h"

Tensor attention_sdpa_math(Ops *ops, const AttentionSpec *spec, const AttentionInputs *inputs);
