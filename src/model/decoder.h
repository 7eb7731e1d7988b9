// SPDX-License-Identifier: Apache-2.0
// The forward pass of a decoder: one code for every family, parameterized by ModelConfig alone,
// written once against Ops.
#pragma once
#include "attention/paged.h"
#include "model/layers.h"
#include "model/rope.h"

typedef struct {
  const ModelConfig *config;
  const Weights *weights;
  const Attention *attention;
  PagedAttention paged; // of passes over pages
  void *prepared;       // by attention_open, for the passes of this decoder
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
  // A batch of variable length over a paged cache: `batch` rows of one token each, those of a
  // sequence side by side, `past` the position of each. NULL: sequences are of one length.
  const PagedPlaces *places;
  Tensor sampled; // with places: int64 [wanted], the rows whose logits are wanted
} DecoderPass;

// Whether the attention serves every layer of the model, at any length.
CHECKED bool decoder_supported(const Decoder *decoder, Dtype cache_dtype, Error *error);
// Logits float32 [batch * wanted, vocabulary], with places [wanted, vocabulary]; they live in the
// scope that the caller has open. Errors are in the Ops.
Tensor decoder_forward(const Decoder *decoder, Ops *ops, const DecoderPass *pass);
// The same without logits: of each row the first index of the largest, int32 [batch * wanted].
Tensor decoder_choose(const Decoder *decoder, Ops *ops, const DecoderPass *pass);
