// SPDX-License-Identifier: Apache-2.0
// A decoder's architecture with every field explicit: what config.json, the metadata of a GGUF
// file, or a preset say, after defaults. The forward pass reads this and nothing else.
#pragma once
#include "base/arena.h"
#include "kernels/activation.h"
#include "tensor/dtype.h"

// Decoder families: enum, model_type in config.json, architecture in GGUF.
#define FAMILIES(X)                                                                                \
  X(FAMILY_LLAMA, "llama")                                                                         \
  X(FAMILY_MISTRAL, "mistral")                                                                     \
  X(FAMILY_QWEN2, "qwen2")                                                                         \
  X(FAMILY_QWEN3, "qwen3")                                                                         \
  X(FAMILY_SMOLLM3, "smollm3")                                                                     \
  X(FAMILY_GPT2, "gpt2")

typedef enum {
#define X(FAMILY, NAME) FAMILY,
  FAMILIES(X)
#undef X
      FAMILY_COUNT
} Family;

const char *family_name(Family family); // what sets families apart: model/family.h

typedef enum {
  ROPE_NONE, // learned positions (gpt2)
  ROPE_DEFAULT,
  ROPE_LINEAR,
  ROPE_DYNAMIC,
  ROPE_LLAMA3,
  ROPE_YARN,
  ROPE_FACTORS, // GGUF's rope_freqs.weight: divisors of the default frequencies
} RopeKind;

typedef struct {
  RopeKind kind;
  int64_t dimensions; // rotated dims of a head, even
  double theta, factor;
  int64_t original_positions; // length of training: llama3, yarn; dynamic: max_positions
  double low_frequency_factor, high_frequency_factor;         // llama3
  double beta_fast, beta_slow, mscale, mscale_all_dimensions; // yarn
  double attention_factor;                                    // yarn: A, resolved; else 1
  bool truncate;                                              // yarn
  const float *factors;                                       // ROPE_FACTORS: [dimensions / 2]
} RopeConfig;

typedef enum { NORM_RMS, NORM_LAYER } NormKind;

typedef struct {
  int64_t window; // key j is visible to query i iff i - window < j <= i; 0: every j <= i
  bool rope;      // false: a layer without rotary embedding (smollm3)
} LayerConfig;

enum {
  CONFIG_MAX_STOP_IDS = 16,
  // What no sane file exceeds: products of two of these fit int64 by far.
  CONFIG_MAX_VOCABULARY = 1 << 24,
  CONFIG_MAX_WIDTH = 1 << 20, // hidden, intermediate, heads x head_dim
  CONFIG_MAX_LAYERS = 1024,
  CONFIG_MAX_HEADS = 4096,
  CONFIG_MAX_HEAD_DIM = 4096,
  CONFIG_MAX_POSITIONS = 1 << 30,
};

typedef struct {
  Family family;
  int64_t vocabulary, hidden, layers, heads, kv_heads, head_dim, intermediate;
  int64_t max_positions;
  NormKind norm;
  double norm_epsilon;
  Activation activation;
  bool gated; // MLP is down(act(gate(x)) * up(x)), else down(act(up(x)))
  bool tied;  // logits use the embedding matrix unless the file says otherwise
  bool qkv_bias, output_bias, mlp_bias, qk_norm;
  bool learned_positions; // gpt2: added to the embedding
  double attention_scale; // multiplies q·k
  bool scale_by_layer;    // gpt2: divide scores by layer index + 1
  RopeConfig rope;
  const LayerConfig *layer;              // [layers]
  int64_t bos_id;                        // -1: none
  int32_t stop_ids[CONFIG_MAX_STOP_IDS]; // of config.json, replaced by generation_config.json's
  int stop_count;
  const char *name; // model_type as the file spells it
} ModelConfig;

// Parses config.json. Everything allocated lives in `arena`. `name` goes into errors. A model_type
// outside FAMILIES is ERROR_UNSUPPORTED and lists what is supported.
CHECKED bool config_parse(const void *bytes, size_t size, const char *name, Arena *arena,
                          ModelConfig *config, Error *error);
// Replaces the stop ids by those of generation_config.json, when it has any.
CHECKED bool config_parse_generation(const void *bytes, size_t size, const char *name,
                                     ModelConfig *config, Error *error);
// What config_parse checks last, for configurations of another origin: sizes agree, none is beyond
// the limits above. `name` goes into errors.
CHECKED bool config_check(const ModelConfig *config, const char *name, Error *error);
// Whether all ids are of the vocabulary; else ERROR_ARGUMENT, which names the first that is not.
CHECKED bool config_check_ids(const ModelConfig *config, const int32_t *ids, int64_t count,
                              Error *error);
// Parameters of the model (matrices, biases, norms), tied ones once: what "2 x weights" FLOPs
// count.
int64_t config_weights(const ModelConfig *config);
