// SPDX-License-Identifier: Apache-2.0
#include "model/layers.h"

static Tensor plain_norm(Ops *ops, const ModelConfig *config, const Norm *norm, const Tensor *x) {
  if (config->norm == NORM_LAYER)
    return ops_layer_norm(ops, x, norm->weight, norm->bias, config->norm_epsilon);
  return ops_rms_norm(ops, x, norm->weight, config->norm_epsilon);
}

// Heads [batch, heads, M, head_dim] out of qkv, from a column on.
static Tensor heads_of(Ops *ops, const ModelConfig *config, const Tensor *qkv, int64_t batch,
                       int64_t first_head, int64_t heads) {
  Tensor columns = ops_columns(ops, qkv, first_head * config->head_dim, heads * config->head_dim);
  return ops_split_heads(ops, &columns, batch, heads);
}

static Tensor prepared(Ops *ops, const ModelConfig *config, const Norm *norm, bool rotate,
                       const Positions *positions, Tensor heads) {
  if (norm->weight) heads = ops_rms_norm(ops, &heads, norm->weight, config->norm_epsilon);
  if (rotate) heads = ops_rope(ops, &heads, &positions->cosine, &positions->sine, &positions->past);
  return heads;
}

static Tensor plain_queries(Ops *ops, const ModelConfig *config, const LayerWeights *weights,
                            bool rotate, const Tensor *h, const Positions *positions,
                            const KeyValues *cache) {
  int64_t batch = positions->past.shape[0], heads = config->heads, kv_heads = config->kv_heads;
  Tensor x = plain_norm(ops, config, &weights->attention_norm, h);
  Tensor qkv = ops_linear(ops, &x, &weights->qkv);
  Tensor keys = heads_of(ops, config, &qkv, batch, heads, kv_heads);
  Tensor values = heads_of(ops, config, &qkv, batch, heads + kv_heads, kv_heads);
  keys = prepared(ops, config, &weights->key_norm, rotate, positions, keys);
  ops_cache_write(ops, &keys, &cache->keys, &positions->slots);
  ops_cache_write(ops, &values, &cache->values, &positions->slots);
  Tensor queries = heads_of(ops, config, &qkv, batch, 0, heads);
  return prepared(ops, config, &weights->query_norm, rotate, positions, queries);
}

static Tensor plain_output(Ops *ops, const LayerWeights *weights, const Tensor *heads,
                           const Tensor *h) {
  Tensor attended = ops_linear(ops, heads, &weights->attention_output);
  return ops_add_residual(ops, h, &attended);
}

static Tensor plain_mlp(Ops *ops, const ModelConfig *config, const LayerWeights *weights,
                        const Tensor *h) {
  Tensor x = plain_norm(ops, config, &weights->mlp_norm, h), inner;
  Tensor up = ops_linear(ops, &x, &weights->up);
  if (config->gated) {
    Tensor gate = ops_columns(ops, &up, 0, config->intermediate);
    Tensor linear = ops_columns(ops, &up, config->intermediate, config->intermediate);
    Tensor active = ops_activation(ops, &gate, config->activation);
    inner = ops_multiply(ops, &active, &linear);
  } else {
    inner = ops_activation(ops, &up, config->activation);
  }
  Tensor mixed = ops_linear(ops, &inner, &weights->down);
  return ops_add_residual(ops, h, &mixed);
}

static Tensor plain_logits(Ops *ops, const ModelConfig *config, const Weights *weights,
                           const Tensor *h) {
  Tensor x = plain_norm(ops, config, &weights->final_norm, h);
  return ops_linear(ops, &x, &weights->head);
}

static Tensor plain_choices(Ops *ops, const ModelConfig *config, const Weights *weights,
                            const Tensor *h) {
  Tensor x = plain_norm(ops, config, &weights->final_norm, h);
  return ops_linear_argmax(ops, &x, &weights->head);
}

const Layers layers_plain = {"plain",   plain_queries, plain_output,
                             plain_mlp, plain_logits,  plain_choices};
