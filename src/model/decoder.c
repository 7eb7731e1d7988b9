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

static Tensor attend_pages(const Decoder *decoder, Ops *ops, const DecoderPass *pass,
                           const AttentionSpec *spec, const KeyValues *cache,
                           const Tensor *queries) {
  PagedInputs inputs = {.queries = *queries,
                        .keys = cache->keys,
                        .values = cache->values,
                        .places = *pass->places,
                        .prepared = decoder->prepared};
  return paged_attention(ops, &decoder->paged, spec, &inputs);
}

static Tensor attend_cache(const Decoder *decoder, Ops *ops, const DecoderPass *pass,
                           AttentionSpec *spec, const KeyValues *cache, const Tensor *queries) {
  AttentionInputs inputs = {.queries = *queries,
                            .keys = shown(&cache->keys, pass->visible),
                            .values = shown(&cache->values, pass->visible),
                            .past = pass->positions.past,
                            .prepared = decoder->prepared};
  spec->batch = pass->batch;
  spec->queries = pass->length;
  spec->keys = pass->visible;
  return decoder->attention->forward(ops, spec, &inputs);
}

static Tensor attend(const Decoder *decoder, Ops *ops, const DecoderPass *pass, int64_t layer,
                     const Tensor *h) {
  const ModelConfig *config = decoder->config;
  const LayerWeights *weights = &decoder->weights->layers[layer];
  const KeyValues *cache = &pass->cache[layer];
  bool rotate = config->rope.kind != ROPE_NONE && config->layer[layer].rope;
  Tensor queries =
      decoder->layers->queries(ops, config, weights, rotate, h, &pass->positions, cache);
  AttentionSpec spec = layer_spec(config, layer);
  spec.dtype = cache->keys.dtype;
  Tensor heads = pass->places ? attend_pages(decoder, ops, pass, &spec, cache, &queries)
                              : attend_cache(decoder, ops, pass, &spec, cache, &queries);
  return decoder->layers->output(ops, weights, &heads, h);
}

static Tensor layer_forward(const Decoder *decoder, Ops *ops, const DecoderPass *pass,
                            int64_t layer, Tensor h) {
  ops_scope_begin(ops);
  h = attend(decoder, ops, pass, layer, &h);
  h = decoder->layers->mlp(ops, decoder->config, &decoder->weights->layers[layer], &h);
  ops_scope_end(ops);
  return h;
}

// The residual stream of the rows whose logits are wanted: [batch * wanted, hidden].
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
  if (pass->places) return ops_take_rows(ops, &h, &pass->sampled);
  return ops_last_rows(ops, &h, pass->batch, pass->wanted);
}

Tensor decoder_forward(const Decoder *decoder, Ops *ops, const DecoderPass *pass) {
  Tensor h = last_hidden(decoder, ops, pass);
  return decoder->layers->logits(ops, decoder->config, decoder->weights, &h);
}

Tensor decoder_choose(const Decoder *decoder, Ops *ops, const DecoderPass *pass) {
  Tensor h = last_hidden(decoder, ops, pass);
  return decoder->layers->choices(ops, decoder->config, decoder->weights, &h);
}
