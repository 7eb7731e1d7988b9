// SPDX-License-Identifier: Apache-2.0
// What sets the decoder families apart: one row of facts each, in family.c. A new family is a line
// of FAMILIES (config.h) and a row there.
#pragma once
#include "model/config.h"

// Tensors of a decoder by the part they play, not by name.
typedef enum {
  ROLE_EMBEDDING, // the first four occur once, the others in every layer
  ROLE_POSITIONS,
  ROLE_FINAL_NORM,
  ROLE_HEAD,
  ROLE_ATTENTION_NORM,
  ROLE_QUERY,
  ROLE_KEY,
  ROLE_VALUE,
  ROLE_QUERY_KEY_VALUE, // the three in one tensor (gpt2)
  ROLE_ATTENTION_OUTPUT,
  ROLE_QUERY_NORM,
  ROLE_KEY_NORM,
  ROLE_MLP_NORM,
  ROLE_GATE,
  ROLE_UP,
  ROLE_DOWN,
  ROLE_COUNT,
} TensorRole;

// Which layers attend through a sliding window when no `layer_types` says so.
typedef enum {
  WINDOW_NEVER,
  WINDOW_ALL,        // every layer, when sliding_window is set
  WINDOW_FROM_LAYER, // with use_sliding_window: layers from max_window_layers on
  WINDOW_NO_ROPE,    // with use_sliding_window: the layers without rotary embedding
} WindowRule;

// How a family, or a file format, spells its tensors.
typedef struct {
  const char *base;             // prefix that savers put before all but the head, or drop: "model."
  const char *layer;            // prefix of a layer's tensors, before its number: "layers."
  const char *role[ROLE_COUNT]; // the rest, without ".weight"; NULL: no such tensor
} TensorNames;

typedef struct {
  const TensorNames *names; // in safetensors
  bool conv1d;              // its matrices are stored [in, out] in safetensors
  bool gpt2_fields;         // config.json spells sizes n_embd, n_layer, …
  bool gguf;                // read from GGUF under the family's name
  bool gguf_interleaved;    // GGUF holds the rows of q and k in adjacent-pair order
  // Defaults of fields that config.json does not give.
  double epsilon, theta;
  const char *activation;
  int64_t head_dim; // 0: hidden / heads
  int64_t kv_heads; // 0: heads
  int64_t max_positions, window;
  bool tied;
  // Rules.
  bool null_kv_heads; // num_key_value_heads: null means heads (else it is refused)
  bool layer_types;   // the field is read
  WindowRule window_rule;
  bool qkv_bias;                             // always there
  bool all_biases;                           // every matrix of a layer has one
  bool attention_bias_field, mlp_bias_field; // q, k, v, o; gate, up, down
  bool qk_norm, no_rope_layers;
  const char *tiny; // config.json of preset:tiny-FAMILY, which shows the family's peculiarities
} FamilyFacts;

const FamilyFacts *family_facts(Family family);
bool family_by_name(const char *name, Family *family);
// "llama, mistral, …"; those read from GGUF only where `gguf`. Returns buffer.
char *family_list(bool gguf, char *buffer, size_t size);
// How GGUF spells the tensors of every family.
const TensorNames *family_gguf_names(void);
