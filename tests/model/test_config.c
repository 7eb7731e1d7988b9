// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"
#include "model/config.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

#define SIZES                                                                                      \
  "\"hidden_size\": 64, \"intermediate_size\": 176, \"num_hidden_layers\": 4,"                     \
  " \"num_attention_heads\": 8, \"vocab_size\": 512, \"num_key_value_heads\": 2"

typedef struct {
  Arena *arena;
  ModelConfig config;
  Error error;
  bool parsed;
} Parsed;

static Parsed parse(const char *text) {
  Parsed parsed = {.arena = arena_open(0)};
  memset(&parsed.config, 0xA5, sizeof parsed.config);
  parsed.parsed =
      config_parse(text, strlen(text), "config.json", parsed.arena, &parsed.config, &parsed.error);
  return parsed;
}

// Parses; a failure is the test's.
static Parsed accepted(const char *text) {
  Parsed parsed = parse(text);
  char buffer[1024];
  if (!parsed.parsed) fail_msg("%s", error_text(&parsed.error, buffer, sizeof buffer));
  return parsed;
}

static void refused(const char *text, ErrorCode code, const char *part) {
  Parsed parsed = parse(text);
  char buffer[1024];
  if (parsed.parsed) fail_msg("accepted: %s", text);
  error_text(&parsed.error, buffer, sizeof buffer);
  if (parsed.error.code != code || !strstr(buffer, part))
    fail_msg("%s\n  says: %s\n  expected: %s", text, buffer, part);
  arena_close(parsed.arena);
}

static Parsed golden(const char *name) {
  char path[512];
  Text text = {0};
  Error error;
  snprintf(path, sizeof path, "%s/%s/config.json", GOLDEN_MODELS, name);
  assert_true(file_read(path, 1 << 20, &text, &error));
  Parsed parsed = accepted(text.data);
  text_free(&text);
  return parsed;
}

static void every_golden_configuration_is_read(void **state) {
  (void)state;
  static const struct {
    const char *name;
    Family family;
    RopeKind rope;
    int64_t heads, kv_heads, head_dim;
    bool tied, biases;
  } expected[] = {
      {"gpt2", FAMILY_GPT2, ROPE_NONE, 8, 8, 8, true, true},
      {"llama-dynamic", FAMILY_LLAMA, ROPE_DYNAMIC, 8, 2, 8, false, false},
      {"llama-gqa-tied", FAMILY_LLAMA, ROPE_DEFAULT, 8, 2, 8, true, false},
      {"llama-headdim", FAMILY_LLAMA, ROPE_DEFAULT, 5, 1, 16, false, false},
      {"llama-linear", FAMILY_LLAMA, ROPE_LINEAR, 8, 2, 8, false, false},
      {"llama-llama3rope", FAMILY_LLAMA, ROPE_LLAMA3, 8, 2, 8, false, false},
      {"llama-mha-untied-bias", FAMILY_LLAMA, ROPE_DEFAULT, 8, 8, 8, false, true},
      {"llama-yarn", FAMILY_LLAMA, ROPE_YARN, 8, 2, 8, false, false},
      {"mistral-window", FAMILY_MISTRAL, ROPE_DEFAULT, 8, 2, 8, false, false},
      {"qwen2", FAMILY_QWEN2, ROPE_DEFAULT, 8, 2, 8, true, false},
      {"qwen3", FAMILY_QWEN3, ROPE_DEFAULT, 8, 2, 32, false, false},
      {"smollm3", FAMILY_SMOLLM3, ROPE_DEFAULT, 8, 2, 8, true, false},
  };
  for (size_t i = 0; i < COUNT_OF(expected); i++) {
    Parsed parsed = golden(expected[i].name);
    const ModelConfig *config = &parsed.config;
    assert_int_equal(config->family, expected[i].family);
    assert_int_equal(config->rope.kind, expected[i].rope);
    assert_int_equal(config->heads, expected[i].heads);
    assert_int_equal(config->kv_heads, expected[i].kv_heads);
    assert_int_equal(config->head_dim, expected[i].head_dim);
    assert_int_equal(config->tied, expected[i].tied);
    assert_int_equal(config->mlp_bias, expected[i].biases);
    assert_int_equal(config->output_bias, expected[i].biases);
    assert_int_equal(config->qkv_bias, expected[i].biases || config->family == FAMILY_QWEN2);
    assert_int_equal(config->qk_norm, config->family == FAMILY_QWEN3);
    assert_int_equal(config->vocabulary, 288);
    assert_int_equal(config->bos_id, 1);
    assert_int_equal(config->stop_count, 1);
    assert_int_equal(config->stop_ids[0], 2);
    assert_true(config->attention_scale == 1.0 / sqrt((double)config->head_dim));
    arena_close(parsed.arena);
  }
}

static void gpt2_has_names_of_its_own(void **state) {
  (void)state;
  Parsed parsed = accepted("{\"model_type\": \"gpt2\", \"n_embd\": 48, \"n_layer\": 3,"
                           " \"n_head\": 4, \"vocab_size\": 100, \"n_positions\": 77,"
                           " \"n_inner\": null, \"scale_attn_weights\": false,"
                           " \"scale_attn_by_inverse_layer_idx\": true}");
  const ModelConfig *config = &parsed.config;
  assert_int_equal(config->hidden, 48);
  assert_int_equal(config->layers, 3);
  assert_int_equal(config->intermediate, 4 * 48);
  assert_int_equal(config->max_positions, 77);
  assert_int_equal(config->norm, NORM_LAYER);
  assert_int_equal(config->activation, ACTIVATION_GELU_TANH);
  assert_true(config->norm_epsilon == 1e-5);
  assert_true(config->attention_scale == 1.0);
  assert_true(config->scale_by_layer && config->learned_positions && config->tied);
  assert_false(config->gated || config->layer[0].rope);
  arena_close(parsed.arena);
}

static void missing_fields_take_the_class_defaults(void **state) {
  (void)state;
  static const struct {
    const char *text;
    double theta;
    int64_t kv_heads, head_dim, window;
    bool tied;
  } cases[] = {
      {"{\"model_type\": \"llama\", \"hidden_size\": 64, \"intermediate_size\": 8,"
       " \"num_hidden_layers\": 2, \"num_attention_heads\": 16, \"vocab_size\": 9}",
       1e4, 16, 4, 0, false},
      {"{\"model_type\": \"mistral\", \"hidden_size\": 64, \"intermediate_size\": 8,"
       " \"num_hidden_layers\": 2, \"num_attention_heads\": 16, \"vocab_size\": 9}",
       1e4, 8, 4, 4096, false},
      {"{\"model_type\": \"qwen2\", \"hidden_size\": 64, \"intermediate_size\": 8,"
       " \"num_hidden_layers\": 2, \"num_attention_heads\": 32, \"vocab_size\": 9}",
       1e4, 32, 2, 0, false},
      {"{\"model_type\": \"qwen3\", \"hidden_size\": 64, \"intermediate_size\": 8,"
       " \"num_hidden_layers\": 2, \"num_attention_heads\": 32, \"vocab_size\": 9}",
       1e4, 32, 128, 0, false},
      {"{\"model_type\": \"smollm3\", \"hidden_size\": 64, \"intermediate_size\": 8,"
       " \"num_hidden_layers\": 2, \"num_attention_heads\": 16, \"vocab_size\": 9}",
       2e6, 4, 4, 0, true},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    Parsed parsed = accepted(cases[i].text);
    const ModelConfig *config = &parsed.config;
    assert_true(config->rope.theta == cases[i].theta);
    assert_true(config->norm_epsilon == 1e-6);
    assert_int_equal(config->activation, ACTIVATION_SILU);
    assert_int_equal(config->kv_heads, cases[i].kv_heads);
    assert_int_equal(config->head_dim, cases[i].head_dim);
    assert_int_equal(config->layer[1].window, cases[i].window);
    assert_int_equal(config->tied, cases[i].tied);
    assert_int_equal(config->bos_id, -1);
    assert_int_equal(config->stop_count, 0);
    arena_close(parsed.arena);
  }
}

static bool same_rope(const RopeConfig *a, const RopeConfig *b) {
  return a->kind == b->kind && a->dimensions == b->dimensions && a->theta == b->theta &&
         a->factor == b->factor && a->original_positions == b->original_positions &&
         a->low_frequency_factor == b->low_frequency_factor &&
         a->high_frequency_factor == b->high_frequency_factor && a->beta_fast == b->beta_fast &&
         a->beta_slow == b->beta_slow && a->mscale == b->mscale &&
         a->mscale_all_dimensions == b->mscale_all_dimensions &&
         a->attention_factor == b->attention_factor && a->truncate == b->truncate;
}

static void both_spellings_of_rope_mean_the_same(void **state) {
  (void)state;
#define LLAMA3                                                                                     \
  "\"factor\": 8.0, \"low_freq_factor\": 1.0, \"high_freq_factor\": 4.0,"                          \
  " \"original_max_position_embeddings\": 64"
#define YARN "\"factor\": 4, \"original_max_position_embeddings\": 64, \"beta_fast\": 16"
  static const struct {
    RopeKind kind;
    const char *old_spelling, *new_spelling;
  } cases[] = {
      {ROPE_DEFAULT, "\"rope_theta\": 5e5, \"rope_scaling\": null",
       "\"rope_parameters\": {\"rope_theta\": 5e5, \"rope_type\": \"default\"}"},
      {ROPE_LINEAR, "\"rope_scaling\": {\"type\": \"linear\", \"factor\": 3}",
       "\"rope_parameters\": {\"rope_type\": \"linear\", \"factor\": 3.0}"},
      {ROPE_DYNAMIC, "\"rope_scaling\": {\"type\": \"dynamic\", \"factor\": 2.0}",
       "\"rope_parameters\": {\"rope_type\": \"dynamic\", \"factor\": 2.0}"},
      {ROPE_LLAMA3,
       "\"rope_theta\": 5e5, \"rope_scaling\": {\"rope_type\": \"llama3\", " LLAMA3 "}",
       "\"rope_parameters\": {\"rope_theta\": 5e5, \"rope_type\": \"llama3\", " LLAMA3 "}"},
      {ROPE_YARN, "\"rope_scaling\": {\"type\": \"yarn\", " YARN "}",
       "\"rope_parameters\": {\"full_attention\": {\"rope_type\": \"yarn\", " YARN "},"
       " \"sliding_attention\": {\"rope_type\": \"yarn\", " YARN "}}"},
      {ROPE_LINEAR, // rope_type wins over type, a full rope_scaling over rope_parameters
       "\"rope_scaling\": {\"rope_type\": \"linear\", \"type\": \"yarn\", \"factor\": 2}",
       "\"rope_scaling\": {\"type\": \"linear\", \"factor\": 2},"
       " \"rope_parameters\": {\"rope_type\": \"yarn\", \"factor\": 9}"},
      {ROPE_DEFAULT, "\"rope_scaling\": {}, \"rope_parameters\": {\"rope_theta\": 77}",
       "\"rope_theta\": 77.0, \"rope_scaling\": {\"type\": \"mrope\", \"mrope_section\": [1]}"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    char old_text[1024], new_text[1024];
    snprintf(old_text, sizeof old_text, "{\"model_type\": \"llama\", " SIZES ", %s}",
             cases[i].old_spelling);
    snprintf(new_text, sizeof new_text, "{\"model_type\": \"llama\", " SIZES ", %s}",
             cases[i].new_spelling);
    Parsed a = accepted(old_text), b = accepted(new_text);
    assert_int_equal(a.config.rope.kind, cases[i].kind);
    assert_true(same_rope(&a.config.rope, &b.config.rope));
    arena_close(a.arena);
    arena_close(b.arena);
  }
}

static RopeConfig yarn(const char *settings) {
  char text[1024];
  snprintf(text, sizeof text,
           "{\"model_type\": \"llama\", " SIZES ", \"max_position_embeddings\": 1024,"
           " \"rope_scaling\": {\"rope_type\": \"yarn\", %s}}",
           settings);
  Parsed parsed = accepted(text);
  arena_close(parsed.arena);
  return parsed.config.rope;
}

static void yarn_resolves_its_factors(void **state) {
  (void)state;
  RopeConfig rope = yarn("\"factor\": 4.0");
  assert_int_equal(rope.original_positions, 1024);
  assert_true(rope.truncate && rope.beta_fast == 32.0 && rope.beta_slow == 1.0);
  assert_true(fabs(rope.attention_factor - (0.1 * log(4.0) + 1.0)) < 1e-15);
  rope = yarn("\"factor\": 0.5");
  assert_true(rope.attention_factor == 1.0);
  rope = yarn("\"factor\": 8.0, \"mscale\": 0.7, \"mscale_all_dim\": 1.1, \"truncate\": false");
  assert_true(fabs(rope.attention_factor - (0.07 * log(8.0) + 1.0) / (0.11 * log(8.0) + 1.0)) <
              1e-15);
  assert_false(rope.truncate);
  rope = yarn("\"factor\": 8.0, \"attention_factor\": 0.25, \"mscale\": 0.7");
  assert_true(rope.attention_factor == 0.25);
  rope = yarn("\"factor\": null, \"original_max_position_embeddings\": 256");
  assert_true(rope.factor == 4.0);
}

static void windows_follow_the_family(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t window[4];
  } cases[] = {
      {"{\"model_type\": \"llama\", " SIZES ", \"sliding_window\": 7}", {0, 0, 0, 0}},
      {"{\"model_type\": \"mistral\", " SIZES ", \"sliding_window\": 7}", {7, 7, 7, 7}},
      {"{\"model_type\": \"mistral\", " SIZES ", \"sliding_window\": null}", {0, 0, 0, 0}},
      {"{\"model_type\": \"qwen2\", " SIZES ", \"sliding_window\": 7, \"max_window_layers\": 2}",
       {0, 0, 0, 0}},
      {"{\"model_type\": \"qwen2\", " SIZES ", \"sliding_window\": 7, \"max_window_layers\": 2,"
       " \"use_sliding_window\": true}",
       {0, 0, 7, 7}},
      {"{\"model_type\": \"qwen3\", " SIZES ", \"sliding_window\": 7, \"max_window_layers\": 0,"
       " \"use_sliding_window\": true, \"layer_types\": [\"sliding_attention\","
       " \"full_attention\", \"full_attention\", \"sliding_attention\"]}",
       {7, 0, 0, 7}},
      {"{\"model_type\": \"smollm3\", " SIZES ", \"sliding_window\": 7}", {0, 0, 0, 0}},
      {"{\"model_type\": \"smollm3\", " SIZES ", \"sliding_window\": 7,"
       " \"use_sliding_window\": true, \"no_rope_layers\": [1, 0, 1, 0]}",
       {0, 7, 0, 7}},
      {"{\"model_type\": \"smollm3\", " SIZES ", \"sliding_window\": 7, \"layer_types\":"
       " [\"full_attention\", \"sliding_attention\", \"full_attention\", \"full_attention\"]}",
       {0, 7, 0, 0}},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    Parsed parsed = accepted(cases[i].text);
    for (int layer = 0; layer < 4; layer++)
      assert_int_equal(parsed.config.layer[layer].window, cases[i].window[layer]);
    arena_close(parsed.arena);
  }
}

static void smollm3_has_layers_without_rope(void **state) {
  (void)state;
  Parsed parsed = accepted("{\"model_type\": \"smollm3\", " SIZES "}");
  for (int i = 0; i < 4; i++) assert_int_equal(parsed.config.layer[i].rope, i != 3);
  arena_close(parsed.arena);
  parsed = accepted("{\"model_type\": \"smollm3\", " SIZES ", \"no_rope_layer_interval\": 2}");
  for (int i = 0; i < 4; i++) assert_int_equal(parsed.config.layer[i].rope, i % 2 == 0);
  arena_close(parsed.arena);
  parsed = accepted("{\"model_type\": \"smollm3\", " SIZES ", \"no_rope_layers\": [0, 1, 1, 0]}");
  for (int i = 0; i < 4; i++) assert_int_equal(parsed.config.layer[i].rope, i == 1 || i == 2);
  arena_close(parsed.arena);
}

static void stop_ids_are_one_or_many(void **state) {
  (void)state;
  Parsed parsed = accepted("{\"model_type\": \"llama\", " SIZES ", \"eos_token_id\": [5, 6, -1]}");
  ModelConfig *config = &parsed.config;
  assert_int_equal(config->stop_count, 2);
  assert_int_equal(config->stop_ids[1], 6);
  static const char silent[] = "{\"temperature\": 0.7, \"eos_token_id\": null}";
  assert_true(config_parse_generation(silent, sizeof silent - 1, "g", config, &parsed.error));
  assert_int_equal(config->stop_count, 2);
  static const char other[] = "{\"eos_token_id\": 9}";
  assert_true(config_parse_generation(other, sizeof other - 1, "g", config, &parsed.error));
  assert_int_equal(config->stop_count, 1);
  assert_int_equal(config->stop_ids[0], 9);
  static const char wrong[] = "{\"eos_token_id\": \"x\"}";
  assert_false(config_parse_generation(wrong, sizeof wrong - 1, "g", config, &parsed.error));
  assert_int_equal(parsed.error.code, ERROR_FORMAT);
  arena_close(parsed.arena);
}

static void other_models_are_refused_by_name(void **state) {
  (void)state;
  static const char all[] = "llama, mistral, qwen2, qwen3, smollm3, gpt2";
  refused("{\"model_type\": \"gemma2\", " SIZES "}", ERROR_UNSUPPORTED, "\"gemma2\"");
  refused("{\"model_type\": \"gemma2\", " SIZES "}", ERROR_UNSUPPORTED, all);
  refused("{\"model_type\": \"gemma3\", \"text_config\": {" SIZES "}}", ERROR_UNSUPPORTED,
          "\"gemma3\" nests");
  refused("{\"model_type\": \"llama\", " SIZES ", \"quantization_config\":"
          " {\"quant_method\": \"gptq\"}}",
          ERROR_UNSUPPORTED, "gptq");
  refused("{" SIZES "}", ERROR_FORMAT, "model_type: is missing");
  refused("[]", ERROR_FORMAT, "expected an object");
  refused("{", ERROR_FORMAT, "not valid JSON");
}

static void wrong_fields_are_named(void **state) {
  (void)state;
#define LLAMA "{\"model_type\": \"llama\", " SIZES ", "
  refused("{\"model_type\": \"llama\", \"vocab_size\": 9}", ERROR_FORMAT, "hidden_size");
  refused("{\"model_type\": \"llama\", \"vocab_size\": 0}", ERROR_FORMAT, "vocab_size: is 0");
  refused("{\"model_type\": \"llama\", \"vocab_size\": 9, \"hidden_size\": 99999999999}",
          ERROR_FORMAT, "hidden_size: is 99999999999, expected 1 to 1048576");
  refused("{\"model_type\": \"llama\", \"hidden_size\": 60, \"intermediate_size\": 9,"
          " \"num_hidden_layers\": 1, \"num_attention_heads\": 6, \"num_key_value_heads\": 4,"
          " \"vocab_size\": 9}",
          ERROR_FORMAT, "6 heads for 4 key/value heads");
  refused("{\"model_type\": \"mistral\", \"hidden_size\": 60, \"intermediate_size\": 9,"
          " \"num_hidden_layers\": 1, \"num_attention_heads\": 6, \"num_key_value_heads\": null,"
          " \"vocab_size\": 9}",
          ERROR_FORMAT, "num_key_value_heads: is null");
  refused(LLAMA "\"head_dim\": 7}", ERROR_FORMAT, "even number up to 7");
  refused(LLAMA "\"hidden_act\": \"exotic\"}", ERROR_UNSUPPORTED, "\"exotic\"");
  refused(LLAMA "\"rms_norm_eps\": -1}", ERROR_FORMAT, "rms_norm_eps");
  refused(LLAMA "\"rms_norm_eps\": \"x\"}", ERROR_FORMAT, "is a string, expected a number");
  refused(LLAMA "\"rope_scaling\": {\"rope_type\": \"longrope\"}}", ERROR_UNSUPPORTED,
          "\"longrope\", expected default, linear, dynamic, llama3, yarn");
  refused(LLAMA "\"rope_scaling\": {\"rope_type\": \"linear\"}}", ERROR_FORMAT,
          "rope_scaling.factor: is missing");
  refused(LLAMA "\"rope_scaling\": {\"type\": \"yarn\"}}", ERROR_FORMAT, "rope_scaling.factor");
  refused(LLAMA "\"rope_scaling\": {\"type\": \"llama3\", \"factor\": 2,"
                " \"low_freq_factor\": 4, \"high_freq_factor\": 4}}",
          ERROR_FORMAT, "expected more than low_freq_factor");
  refused(LLAMA "\"rope_scaling\": \"x\"}", ERROR_FORMAT, "rope_scaling: is a string");
  refused(LLAMA "\"rope_theta\": 0}", ERROR_FORMAT, "rope_theta");
  refused(LLAMA "\"rope_parameters\": {\"full_attention\": {\"rope_theta\": 5},"
                " \"sliding_attention\": {\"rope_theta\": 6}}}",
          ERROR_UNSUPPORTED, "differ");
  refused(LLAMA "\"tie_word_embeddings\": 1}", ERROR_FORMAT, "tie_word_embeddings");
  refused("{\"model_type\": \"qwen3\", " SIZES ", \"layer_types\": [\"full_attention\"]}",
          ERROR_FORMAT, "layer_types: has 1 elements, expected one for each of 4");
  refused("{\"model_type\": \"mistral\", " SIZES ", \"sliding_window\": null, \"layer_types\":"
          " [\"full_attention\", \"full_attention\", \"full_attention\", \"sliding_attention\"]}",
          ERROR_FORMAT, "layer_types[3]");
  refused("{\"model_type\": \"smollm3\", " SIZES ", \"no_rope_layers\": [1, 1, 1, 2]}",
          ERROR_FORMAT, "no_rope_layers[3]");
  refused("{\"model_type\": \"gpt2\", \"n_embd\": 30, \"n_layer\": 1, \"n_head\": 4,"
          " \"vocab_size\": 9}",
          ERROR_FORMAT, "expected a multiple of 4 heads");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_golden_configuration_is_read),
      cmocka_unit_test(gpt2_has_names_of_its_own),
      cmocka_unit_test(missing_fields_take_the_class_defaults),
      cmocka_unit_test(both_spellings_of_rope_mean_the_same),
      cmocka_unit_test(yarn_resolves_its_factors),
      cmocka_unit_test(windows_follow_the_family),
      cmocka_unit_test(smollm3_has_layers_without_rope),
      cmocka_unit_test(stop_ids_are_one_or_many),
      cmocka_unit_test(other_models_are_refused_by_name),
      cmocka_unit_test(wrong_fields_are_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
