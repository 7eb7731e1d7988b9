// SPDX-License-Identifier: Apache-2.0
#include "model/layers.h"

static NormWeights norm_of(const ModelConfig *config, const Norm *norm) {
  return (NormWeights){norm->weight, norm->bias, config->norm_epsilon, config->norm == NORM_LAYER};
}

static Tensor fused_queries(Ops *ops, const ModelConfig *config, const LayerWeights *weights,
                            bool rotate, const Tensor *h, const Positions *positions,
                            const KeyValues *cache) {
  NormWeights norm = norm_of(config, &weights->attention_norm);
  HeadLayout layout = {config->heads,
                       config->kv_heads,
                       config->head_dim,
                       rotate,
                       weights->query_norm.weight,
                       weights->key_norm.weight,
                       config->norm_epsilon};
  Tensor qkv = ops_norm_linear(ops, h, &norm, &weights->qkv, ACTIVATION_NONE);
  return ops_rope_cache(ops, &qkv, &layout, &positions->cosine, &positions->sine, &positions->past,
                        &positions->slots, &cache->keys, &cache->values);
}

static Tensor fused_output(Ops *ops, const LayerWeights *weights, const Tensor *heads,
                           const Tensor *h) {
  return ops_linear_add(ops, heads, &weights->attention_output, h);
}

static Tensor fused_mlp(Ops *ops, const ModelConfig *config, const LayerWeights *weights,
                        const Tensor *h) {
  NormWeights norm = norm_of(config, &weights->mlp_norm);
  Tensor inner = (config->gated ? ops_gated_linear : ops_norm_linear)(ops, h, &norm, &weights->up,
                                                                      config->activation);
  return ops_linear_add(ops, &inner, &weights->down, h);
}

static Tensor fused_logits(Ops *ops, const ModelConfig *config, const Weights *weights,
                           const Tensor *h) {
  NormWeights norm = norm_of(config, &weights->final_norm);
  return ops_norm_linear(ops, h, &norm, &weights->head, ACTIVATION_NONE);
}

static Tensor fused_choices(Ops *ops, const ModelConfig *config, const Weights *weights,
                            const Tensor *h) {
  NormWeights norm = norm_of(config, &weights->final_norm);
  return ops_norm_argmax(ops, h, &norm, &weights->head);
}

const Layers layers_fused = {"fused",   fused_queries, fused_output,
                             fused_mlp, fused_logits,  fused_choices};
