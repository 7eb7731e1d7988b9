// SPDX-License-Identifier: Apache-2.0
#include "model/family.h"
#include <stdio.h>
#include <string.h>

static const TensorNames llama_names = {.base = "model.",
                                        .layer = "layers.",
                                        .role = {
                                            [ROLE_EMBEDDING] = "embed_tokens",
                                            [ROLE_FINAL_NORM] = "norm",
                                            [ROLE_HEAD] = "lm_head",
                                            [ROLE_ATTENTION_NORM] = "input_layernorm",
                                            [ROLE_QUERY] = "self_attn.q_proj",
                                            [ROLE_KEY] = "self_attn.k_proj",
                                            [ROLE_VALUE] = "self_attn.v_proj",
                                            [ROLE_ATTENTION_OUTPUT] = "self_attn.o_proj",
                                            [ROLE_QUERY_NORM] = "self_attn.q_norm",
                                            [ROLE_KEY_NORM] = "self_attn.k_norm",
                                            [ROLE_MLP_NORM] = "post_attention_layernorm",
                                            [ROLE_GATE] = "mlp.gate_proj",
                                            [ROLE_UP] = "mlp.up_proj",
                                            [ROLE_DOWN] = "mlp.down_proj",
                                        }};

static const TensorNames gpt2_names = {.base = "transformer.",
                                       .layer = "h.",
                                       .role = {
                                           [ROLE_EMBEDDING] = "wte",
                                           [ROLE_POSITIONS] = "wpe",
                                           [ROLE_FINAL_NORM] = "ln_f",
                                           [ROLE_HEAD] = "lm_head",
                                           [ROLE_ATTENTION_NORM] = "ln_1",
                                           [ROLE_QUERY_KEY_VALUE] = "attn.c_attn",
                                           [ROLE_ATTENTION_OUTPUT] = "attn.c_proj",
                                           [ROLE_MLP_NORM] = "ln_2",
                                           [ROLE_UP] = "mlp.c_fc",
                                           [ROLE_DOWN] = "mlp.c_proj",
                                       }};

static const TensorNames gguf_names = {.base = "",
                                       .layer = "blk.",
                                       .role = {
                                           [ROLE_EMBEDDING] = "token_embd",
                                           [ROLE_POSITIONS] = "position_embd",
                                           [ROLE_FINAL_NORM] = "output_norm",
                                           [ROLE_HEAD] = "output",
                                           [ROLE_ATTENTION_NORM] = "attn_norm",
                                           [ROLE_QUERY] = "attn_q",
                                           [ROLE_KEY] = "attn_k",
                                           [ROLE_VALUE] = "attn_v",
                                           [ROLE_QUERY_KEY_VALUE] = "attn_qkv",
                                           [ROLE_ATTENTION_OUTPUT] = "attn_output",
                                           [ROLE_QUERY_NORM] = "attn_q_norm",
                                           [ROLE_KEY_NORM] = "attn_k_norm",
                                           [ROLE_MLP_NORM] = "ffn_norm",
                                           [ROLE_GATE] = "ffn_gate",
                                           [ROLE_UP] = "ffn_up",
                                           [ROLE_DOWN] = "ffn_down",
                                       }};

// Defaults are those of the classes in transformers 5 (reference: decoders.md §6).
static const FamilyFacts families[FAMILY_COUNT] = {
    [FAMILY_LLAMA] =
        {
            .names = &llama_names,
            .gguf = true,
            .gguf_interleaved = true,
            .epsilon = 1e-6,
            .theta = 1e4,
            .activation = "silu",
            .max_positions = 2048,
            .null_kv_heads = true,
            .attention_bias_field = true,
            .mlp_bias_field = true,
            .tiny = "{\"model_type\": \"llama\", \"hidden_size\": 64, \"intermediate_size\": 176,"
                    " \"num_hidden_layers\": 2, \"num_attention_heads\": 4,"
                    " \"num_key_value_heads\": 2, \"vocab_size\": 512,"
                    " \"max_position_embeddings\": 2048, \"tie_word_embeddings\": true}",
        },
    [FAMILY_MISTRAL] =
        {
            .names = &llama_names,
            .epsilon = 1e-6,
            .theta = 1e4,
            .activation = "silu",
            .kv_heads = 8,
            .max_positions = 131072,
            .window = 4096,
            .layer_types = true,
            .window_rule = WINDOW_ALL,
            .tiny = "{\"model_type\": \"mistral\", \"hidden_size\": 64, \"intermediate_size\": 176,"
                    " \"num_hidden_layers\": 2, \"num_attention_heads\": 4, \"head_dim\": 32,"
                    " \"num_key_value_heads\": 2, \"vocab_size\": 512,"
                    " \"max_position_embeddings\": 2048, \"sliding_window\": 16}",
        },
    [FAMILY_QWEN2] =
        {
            .names = &llama_names,
            .gguf = true,
            .epsilon = 1e-6,
            .theta = 1e4,
            .activation = "silu",
            .kv_heads = 32,
            .max_positions = 32768,
            .window = 4096,
            .null_kv_heads = true,
            .layer_types = true,
            .window_rule = WINDOW_FROM_LAYER,
            .qkv_bias = true,
            .tiny =
                "{\"model_type\": \"qwen2\", \"hidden_size\": 64, \"intermediate_size\": 176,"
                " \"num_hidden_layers\": 3, \"num_attention_heads\": 4,"
                " \"num_key_value_heads\": 1, \"vocab_size\": 512,"
                " \"max_position_embeddings\": 2048, \"rope_theta\": 1e6,"
                " \"use_sliding_window\": true, \"sliding_window\": 24, \"max_window_layers\": 2,"
                " \"tie_word_embeddings\": true}",
        },
    [FAMILY_QWEN3] =
        {
            .names = &llama_names,
            .gguf = true,
            .epsilon = 1e-6,
            .theta = 1e4,
            .activation = "silu",
            .head_dim = 128,
            .kv_heads = 32,
            .max_positions = 32768,
            .window = 4096,
            .null_kv_heads = true,
            .layer_types = true,
            .window_rule = WINDOW_FROM_LAYER,
            .attention_bias_field = true,
            .qk_norm = true,
            .tiny = "{\"model_type\": \"qwen3\", \"hidden_size\": 64, \"intermediate_size\": 176,"
                    " \"num_hidden_layers\": 2, \"num_attention_heads\": 4, \"head_dim\": 32,"
                    " \"num_key_value_heads\": 2, \"vocab_size\": 512,"
                    " \"max_position_embeddings\": 2048, \"rope_theta\": 1e6,"
                    " \"tie_word_embeddings\": true}",
        },
    [FAMILY_SMOLLM3] =
        {
            .names = &llama_names,
            .gguf = true,
            .gguf_interleaved = true,
            .epsilon = 1e-6,
            .theta = 2e6,
            .activation = "silu",
            .kv_heads = 4,
            .max_positions = 32768,
            .tied = true,
            .null_kv_heads = true,
            .layer_types = true,
            .window_rule = WINDOW_NO_ROPE,
            .attention_bias_field = true,
            .mlp_bias_field = true,
            .no_rope_layers = true,
            .tiny = "{\"model_type\": \"smollm3\", \"hidden_size\": 64, \"intermediate_size\": 176,"
                    " \"num_hidden_layers\": 4, \"num_attention_heads\": 4,"
                    " \"num_key_value_heads\": 2, \"vocab_size\": 512,"
                    " \"max_position_embeddings\": 2048, \"no_rope_layer_interval\": 2}",
        },
    [FAMILY_GPT2] =
        {
            .names = &gpt2_names,
            .conv1d = true,
            .gpt2_fields = true,
            .gguf = true,
            .epsilon = 1e-5,
            .activation = "gelu_new",
            .max_positions = 1024,
            .tied = true,
            .null_kv_heads = true,
            .all_biases = true,
            .tiny = "{\"model_type\": \"gpt2\", \"n_embd\": 64, \"n_layer\": 2, \"n_head\": 4,"
                    " \"vocab_size\": 512, \"n_positions\": 1024}",
        },
};

const FamilyFacts *family_facts(Family family) {
  return &families[family];
}

const char *family_name(Family family) {
  static const char *const names[FAMILY_COUNT] = {
#define X(FAMILY, NAME) [FAMILY] = NAME,
      FAMILIES(X)
#undef X
  };
  return names[family];
}

bool family_by_name(const char *name, Family *family) {
  for (int i = 0; i < FAMILY_COUNT; i++) {
    if (strcmp(name, family_name((Family)i)) != 0) continue;
    *family = (Family)i;
    return true;
  }
  return false;
}

char *family_list(bool gguf, char *buffer, size_t size) {
  size_t used = 0;
  buffer[0] = 0;
  for (int i = 0; i < FAMILY_COUNT && used < size; i++) {
    if (gguf && !families[i].gguf) continue;
    used += (size_t)snprintf(buffer + used, size - used, "%s%s", used ? ", " : "",
                             family_name((Family)i));
  }
  return buffer;
}

const TensorNames *family_gguf_names(void) {
  return &gguf_names;
}
