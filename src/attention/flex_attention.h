// SPDX-License-Identifier: Apache-2.0
// flex_attention in a model: the tiled kernels, with the mask of the cache's positions written in
// the language of mods (attention/position_mod.h).
#pragma once
#include "attention/attention.h"

CHECKED bool attention_flex_open(const AttentionLimits *limits, void **prepared, Error *error);
void attention_flex_close(void *prepared);
Tensor attention_flex(Ops *ops, const AttentionSpec *spec, const AttentionInputs *inputs);
// Of several queries, and of one; their attributes begin with FlashAttributes (flash_tiles.h).
extern const Operator flex_attention_operator, flex_decode_operator;
