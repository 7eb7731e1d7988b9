// SPDX-License-Identifier: Apache-2.0
#include "model/presets.h"
#include "base/random.h"
#include "base/text.h"
#include "model/family.h"
#include <stdio.h>
#include <string.h>

// Sizes of released models, from their config.json.
static const struct {
  const char *name, *config;
} presets[] = {
    {"smollm2-135m",
     "{\"model_type\": \"llama\", \"vocab_size\": 49152, \"hidden_size\": 576,"
     " \"intermediate_size\": 1536, \"num_hidden_layers\": 30, \"num_attention_heads\": 9,"
     " \"num_key_value_heads\": 3, \"max_position_embeddings\": 8192, \"rope_theta\": 100000.0,"
     " \"rms_norm_eps\": 1e-5, \"tie_word_embeddings\": true}"},
    {"llama-3.2-1b",
     "{\"model_type\": \"llama\", \"vocab_size\": 128256, \"hidden_size\": 2048,"
     " \"intermediate_size\": 8192, \"num_hidden_layers\": 16, \"num_attention_heads\": 32,"
     " \"num_key_value_heads\": 8, \"head_dim\": 64, \"max_position_embeddings\": 131072,"
     " \"rope_theta\": 500000.0, \"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 32.0,"
     " \"low_freq_factor\": 1.0, \"high_freq_factor\": 4.0,"
     " \"original_max_position_embeddings\": 8192}, \"rms_norm_eps\": 1e-5,"
     " \"tie_word_embeddings\": true}"},
    {"qwen3-0.6b",
     "{\"model_type\": \"qwen3\", \"vocab_size\": 151936, \"hidden_size\": 1024,"
     " \"intermediate_size\": 3072, \"num_hidden_layers\": 28, \"num_attention_heads\": 16,"
     " \"num_key_value_heads\": 8, \"head_dim\": 128, \"max_position_embeddings\": 40960,"
     " \"rope_theta\": 1000000, \"rms_norm_eps\": 1e-6, \"tie_word_embeddings\": true}"},
    {"gpt2", "{\"model_type\": \"gpt2\", \"vocab_size\": 50257, \"n_embd\": 768, \"n_layer\": 12,"
             " \"n_head\": 12, \"n_positions\": 1024}"},
};

static const char tiny[] = "tiny";

enum { NAMED = (int)COUNT_OF(presets) };

const char *preset_of_path(const char *path) {
  static const char prefix[] = "preset:";
  return strncmp(path, prefix, sizeof prefix - 1) == 0 ? path + sizeof prefix - 1 : NULL;
}

int preset_count(void) {
  return NAMED + 1 + FAMILY_COUNT;
}

char *preset_name(int index, char *buffer, size_t size) {
  if (index < NAMED)
    snprintf(buffer, size, "%s", presets[index].name);
  else if (index == NAMED)
    snprintf(buffer, size, "%s", tiny);
  else
    snprintf(buffer, size, "%s-%s", tiny, family_name((Family)(index - NAMED - 1)));
  return buffer;
}

static const char *config_of(int index) {
  if (index < NAMED) return presets[index].config;
  return family_facts(index == NAMED ? FAMILY_LLAMA : (Family)(index - NAMED - 1))->tiny;
}

bool preset_config(const char *name, Arena *arena, ModelConfig *config, Error *error) {
  char known[64];
  Text list = {0};
  for (int i = 0; i < preset_count(); i++) {
    preset_name(i, known, sizeof known);
    if (strcmp(name, known) == 0) {
      text_free(&list);
      const char *text = config_of(i);
      return config_parse(text, strlen(text), name, arena, config, error);
    }
    text_append_format(&list, "%s%s", i ? ", " : "", known);
  }
  error_set(error, ERROR_NOT_FOUND, NULL, "there is no preset \"%.64s\"; there are %s", name,
            list.data);
  text_free(&list);
  return false;
}

// One 32-bit mix (the constants of murmur3's finisher, Appleby 2011) for four bytes: everything is
// 32 bits wide so that a compiler makes vectors of it.
void preset_row(uint64_t tensor, int64_t row, int64_t count, float mean, float deviation,
                float *out) {
  const uint64_t seed = random_at(tensor, (uint64_t)row);
  const uint32_t start = (uint32_t)seed, twist = (uint32_t)(seed >> 32);
  // Four bytes sum to 510 on average, with variance 4 (256² - 1) / 12.
  const float scale = deviation / 147.8005f, middle = mean - 510.0f * scale;
  for (int64_t i = 0; i < count; i++) {
    uint32_t hash = start + (uint32_t)i * 0x9E3779B9u;
    hash = (hash ^ (hash >> 16)) * 0x85EBCA6Bu;
    hash = (hash ^ (hash >> 13) ^ twist) * 0xC2B2AE35u;
    hash ^= hash >> 16;
    uint32_t pairs = (hash & 0x00FF00FFu) + ((hash >> 8) & 0x00FF00FFu);
    out[i] = (float)(int32_t)((pairs + (pairs >> 16)) & 0x7FFu) * scale + middle;
  }
}
