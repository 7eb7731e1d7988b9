// SPDX-License-Identifier: Apache-2.0
// The forward pass of a decoder: one code for every family, parameterized by ModelConfig alone,
// written once against Ops.
#pragma once
#include "model/layers.h"
#include "model/rope.h"

typedef struct {
  const ModelConfig *config;
  const Weights *weights;
  const Attention *attention;
  void *prepared; // by attention_open, for the passes of this decoder
  const Layers *layers;
} Decoder;

// One pass over `length` new tokens of each of `batch` sequences, of which the cache already holds
// `past` each.
typedef struct {
  int64_t batch, length;
  Tensor ids;             // int32 [batch * length]
  Positions positions;    // rows past … past + length - 1 of the tables are right
  const KeyValues *cache; // [layers]
  int64_t visible;        // positions of the cache to attend to, at least the largest past + length
  int64_t wanted;         // logits of the last so many tokens of each sequence: 1 or `length` (any
                          // number when batch is 1)
} DecoderPass;

// Whether the attention serves every layer of the model, at any length.
CHECKED bool decoder_supported(const Decoder *decoder, Dtype cache_dtype, Error *error);
// Logits float32 [batch * wanted, vocabulary]; they live in the scope that the caller has open.
// Errors are in the Ops.
Tensor decoder_forward(const Decoder *decoder, Ops *ops, const DecoderPass *pass);
// The same without logits: of each row the first index of the largest, int32 [batch * wanted].
Tensor decoder_choose(const Decoder *decoder, Ops *ops, const DecoderPass *pass);
