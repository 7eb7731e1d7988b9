// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/roofline.h"
#include "kernels/kernels.h"

static int64_t elements(const Matrix *matrix) {
  return matrix->rows * matrix->columns;
}

static int64_t packed_bytes(const Matrix *matrix) {
  return matrix_bytes(matrix->dtype, matrix->rows, matrix->columns);
}

// Sums `count` over the matrices that every token goes through in the layers.
static int64_t sum_layers(const Model *model, int64_t (*count)(const Matrix *matrix)) {
  const Weights *weights = model_weights(model);
  int64_t sum = 0;
  for (int64_t i = 0; i < model_config(model)->layers; i++) {
    const LayerWeights *layer = &weights->layers[i];
    sum += count(&layer->qkv) + count(&layer->attention_output) + count(&layer->up) +
           count(&layer->down);
  }
  return sum;
}

// Keys and values of one token of one sequence, in bytes.
static int64_t cache_token_bytes(const ModelConfig *config, Dtype dtype) {
  return config->layers * 2 * config->kv_heads * config->head_dim * dtype_facts(dtype)->block_bytes;
}

// Query-key pairs of a causal prefill from nothing, summed over layers; a window bounds each row.
static double attention_pairs(const ModelConfig *config, int64_t length) {
  double pairs = 0;
  for (int64_t i = 0; i < config->layers; i++) {
    double n = (double)length, w = (double)config->layer[i].window;
    bool windowed = w > 0 && w < n;
    pairs += windowed ? w * (w + 1) / 2 + (n - w) * w : n * (n + 1) / 2;
  }
  return pairs;
}

Work work_of(const Model *model, const WorkShape *shape) {
  const ModelConfig *config = model_config(model);
  const Weights *weights = model_weights(model);
  int64_t count = config_weights(config);
  double tokens = (double)(shape->batch * shape->prompt_length);
  int64_t end = shape->depth + shape->prompt_length, middle = end + shape->new_tokens / 2;
  double layers = 2.0 * (double)sum_layers(model, elements) * tokens;
  bool dot = linear_rounds(kernels_for(shape->tier), model_dtype(model));
  double attention = 4.0 * (double)(config->heads * config->head_dim * shape->batch) *
                     (attention_pairs(config, end) - attention_pairs(config, shape->depth));
  return (Work){
      .weights = count,
      .weight_bytes = count * dtype_facts(model_dtype(model))->block_bytes,
      .decode_bytes = sum_layers(model, packed_bytes) + packed_bytes(&weights->head) +
                      shape->batch * middle * cache_token_bytes(config, shape->cache_dtype),
      .prefill_flops = 2.0 * (double)count * tokens,
      .prefill_flops_executed =
          layers + 2.0 * (double)(elements(&weights->head) * shape->batch) + attention,
      .prefill_flops_dot = dot ? layers : 0.0,
  };
}

json_t *work_json(const Work *work) {
  return json_pack("{s:I, s:I, s:I, s:f, s:f, s:f}", "weights", (json_int_t)work->weights,
                   "weight_bytes", (json_int_t)work->weight_bytes, "decode_bytes",
                   (json_int_t)work->decode_bytes, "prefill_flops", work->prefill_flops,
                   "prefill_flops_executed", work->prefill_flops_executed, "prefill_flops_dot",
                   work->prefill_flops_dot);
}

bool work_read(const Field *field, Work *work, Error *error) {
  Field weights = field_get(field, "weights"), bytes = field_get(field, "weight_bytes"),
        decode = field_get(field, "decode_bytes"), flops = field_get(field, "prefill_flops"),
        executed = field_get(field, "prefill_flops_executed"),
        dot = field_get(field, "prefill_flops_dot");
  return field_integer(&weights, 0, INT64_MAX, &work->weights, error) &&
         field_integer(&bytes, 0, INT64_MAX, &work->weight_bytes, error) &&
         field_integer(&decode, 0, INT64_MAX, &work->decode_bytes, error) &&
         field_number(&flops, &work->prefill_flops, error) &&
         field_number(&executed, &work->prefill_flops_executed, error) &&
         field_number(&dot, &work->prefill_flops_dot, error);
}

// What the prefill's FLOPs take at the least, each at the peak of its kind.
static double least_prefill_seconds(const Work *work, double fma, double dot) {
  double others = work->prefill_flops_executed - work->prefill_flops_dot;
  return others / fma + (work->prefill_flops_dot > 0.0 ? work->prefill_flops_dot / dot : 0.0);
}

json_t *roofline_json(const Work *work, const Ceilings *ceilings, double least_ttft,
                      double least_itl) {
  double read = ceilings->read_gb_per_s * 1e9, fma = ceilings->fma_gflop_per_s * 1e9;
  double dot = ceilings->dot_gflop_per_s * 1e9, rate = work->prefill_flops / least_ttft;
  bool by_dot = work->prefill_flops_dot > 0.0 && dot > 0.0;
  json_t *out = json_pack(
      "{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:s}", "read_gb_per_s", ceilings->read_gb_per_s,
      "fma_gflop_per_s", ceilings->fma_gflop_per_s, "decode_share",
      (double)work->weight_bytes / least_itl / read, "prefill_share", rate / (by_dot ? dot : fma),
      "decode_share_executed", (double)work->decode_bytes / least_itl / read,
      "prefill_share_executed", least_prefill_seconds(work, fma, by_dot ? dot : fma) / least_ttft,
      "prefill_share_fma", rate / fma, "prefill_ceiling", by_dot ? "dot" : "FMA");
  if (dot > 0.0) json_object_set_new(out, "dot_gflop_per_s", json_real(ceilings->dot_gflop_per_s));
  return out;
}
