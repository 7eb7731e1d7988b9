// SPDX-License-Identifier: Apache-2.0
// The tiled implementations of a model, each one operator over the cache as it lies.
#pragma once
#include "attention/attention.h"

// Tiles with an online softmax, keys packed once for all queries; one query per sequence splits its
// keys (attention/flash_forward.h, flash_decode.h): sdpa's "flash_attention", flash_attention_2.
Tensor attention_flash(Ops *ops, const AttentionSpec *spec, const AttentionInputs *inputs);
// Chunks of keys whose summaries are merged (attention/chunked_forward.h): sdpa's "efficient".
Tensor attention_efficient(Ops *ops, const AttentionSpec *spec, const AttentionInputs *inputs);

// Of several queries, and of one; their attributes begin with FlashAttributes (flash_tiles.h).
extern const Operator flash_attention_operator, flash_decode_operator;
