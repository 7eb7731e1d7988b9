// SPDX-License-Identifier: Apache-2.0
#include "model/decoder.h"

static AttentionSpec layer_spec(const ModelConfig *config, int64_t layer) {
  double divisor = config->scale_by_layer ? (double)(layer + 1) : 1.0;
  return (AttentionSpec){.heads = config->heads,
                         .kv_heads = config->kv_heads,
                         .head_dim = config->head_dim,
                         .window = config->layer[layer].window,
                         .scale = config->attention_scale / divisor};
}

bool decoder_supported(const Decoder *decoder, Dtype cache_dtype, Error *error) {
  for (int64_t i = 0; i < decoder->config->layers; i++) {
    AttentionSpec spec = layer_spec(decoder->config, i);
    spec.batch = spec.queries = spec.keys = 1;
    spec.dtype = cache_dtype;
    if (!attention_supports(decoder->attention, &spec, error)) return false;
  }
  return true;
}

// The first `visible` positions of a cache.
static Tensor shown(const Tensor *cache, int64_t visible) {
  Tensor view = *cache;
  view.shape[2] = visible;
  return view;
}

static Tensor attend(const Decoder *decoder, Ops *ops, const DecoderPass *pass, int64_t layer,
                     const Tensor *x) {
  const ModelConfig *config = decoder->config;
  const LayerWeights *weights = &decoder->weights->layers[layer];
  const KeyValues *cache = &pass->cache[layer];
  bool rotate = config->rope.kind != ROPE_NONE && config->layer[layer].rope;
  Tensor qkv = ops_linear(ops, x, &weights->qkv);
  AttentionInputs inputs = {.queries = decoder->layers->queries(ops, config, weights, rotate, &qkv,
                                                                &pass->positions, cache),
                            .keys = shown(&cache->keys, pass->visible),
                            .values = shown(&cache->values, pass->visible),
                            .past = pass->positions.past,
                            .prepared = decoder->prepared};
  AttentionSpec spec = layer_spec(config, layer);
  spec.batch = pass->batch;
  spec.queries = pass->length;
  spec.keys = pass->visible;
  spec.dtype = cache->keys.dtype;
  Tensor heads = decoder->attention->forward(ops, &spec, &inputs);
  return ops_linear(ops, &heads, &weights->attention_output);
}

static Tensor layer_forward(const Decoder *decoder, Ops *ops, const DecoderPass *pass,
                            int64_t layer, Tensor h) {
  const ModelConfig *config = decoder->config;
  const LayerWeights *weights = &decoder->weights->layers[layer];
  ops_scope_begin(ops);
  Tensor x = decoder->layers->norm(ops, config, &weights->attention_norm, &h);
  Tensor attended = attend(decoder, ops, pass, layer, &x);
  h = ops_add_residual(ops, &h, &attended);
  x = decoder->layers->norm(ops, config, &weights->mlp_norm, &h);
  Tensor mixed = decoder->layers->mlp(ops, config, weights, &x);
  h = ops_add_residual(ops, &h, &mixed);
  ops_scope_end(ops);
  return h;
}

// What the vocabulary's product takes: [batch * wanted, hidden].
static Tensor last_hidden(const Decoder *decoder, Ops *ops, const DecoderPass *pass) {
  const ModelConfig *config = decoder->config;
  const Weights *weights = decoder->weights;
  Tensor h = ops_embedding(ops, &pass->ids, &weights->embedding); // [T, hidden]
  if (config->learned_positions) {
    int64_t shape[2] = {config->max_positions, config->hidden};
    Tensor table = tensor_dense(DTYPE_F32, 2, shape, (void *)weights->positions);
    h = ops_add_positions(ops, &h, &table, &pass->positions.past);
  }
  for (int64_t i = 0; i < config->layers; i++) h = layer_forward(decoder, ops, pass, i, h);
  h = ops_last_rows(ops, &h, pass->batch, pass->wanted);
  return decoder->layers->norm(ops, config, &weights->final_norm, &h);
}

Tensor decoder_forward(const Decoder *decoder, Ops *ops, const DecoderPass *pass) {
  Tensor x = last_hidden(decoder, ops, pass);
  return ops_linear(ops, &x, &decoder->weights->head);
}

Tensor decoder_choose(const Decoder *decoder, Ops *ops, const DecoderPass *pass) {
  Tensor x = last_hidden(decoder, ops, pass);
  return ops_linear_argmax(ops, &x, &decoder->weights->head);
}
