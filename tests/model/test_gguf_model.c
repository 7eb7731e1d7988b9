// SPDX-License-Identifier: Apache-2.0
// The same random weights written as a safetensors folder, and as GGUF the way its converters do
// (rows of q and k interleaved, gpt2 turned round), give the same model bit by bit.
#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "checkpoint_writer.h"
#include "model/model.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

enum {
  HIDDEN = 32,
  INNER = 48,
  HEADS = 4,
  KV_HEADS = 2,
  HEAD = 8,
  VOCABULARY = 40,
  LAYERS = 2,
  POSITIONS = 10,
  MOST_TENSORS = 64
};

static Team *team;
static uint64_t seed;

static int open_team(void **state) {
  (void)state;
  Error error;
  seed = (uint64_t)clock_now();
  printf("# seed %llu\n", (unsigned long long)seed);
  return (team = team_open(2, false, &error)) ? 0 : -1;
}

static int close_team(void **state) {
  (void)state;
  team_close(team);
  return 0;
}

// Two files in the making.
typedef struct {
  WrittenTensor folder[MOST_TENSORS], gguf[MOST_TENSORS];
  int count;
  char names[2 * MOST_TENSORS][96];
  float *values[2 * MOST_TENSORS];
  Random random;
  bool interleaved;
} Twins;

static float *copy(const float *values, int64_t count) {
  float *kept = memory_allocate((size_t)count * sizeof *kept);
  return memcpy(kept, values, (size_t)count * sizeof *kept);
}

// Row 2i+j of a head is row j*(size/2)+i of the other form.
static void interleave(float *to, const float *from, int64_t rows, int64_t columns, int64_t heads) {
  int64_t size = rows / heads;
  for (int64_t h = 0; h < heads; h++)
    for (int64_t i = 0; i < size / 2; i++)
      for (int64_t j = 0; j < 2; j++)
        memcpy(to + (h * size + 2 * i + j) * columns,
               from + (h * size + j * (size / 2) + i) * columns, (size_t)columns * sizeof *to);
}

static void turn(float *to, const float *from, int64_t rows, int64_t columns) {
  for (int64_t row = 0; row < rows; row++)
    for (int64_t column = 0; column < columns; column++)
      to[column * rows + row] = from[row * columns + column];
}

typedef struct {
  const char *folder, *gguf; // "%d" is the layer
  int64_t rows, columns;     // columns 0: a vector
  int64_t heads;             // of q and k
  bool conv1d;
} Pair;

static void add(Twins *twins, const Pair *pair, int layer) {
  int at = twins->count++;
  int64_t columns = pair->columns ? pair->columns : 1, count = pair->rows * columns;
  float *rows = memory_allocate((size_t)count * sizeof *rows);
  for (int64_t i = 0; i < count; i++) rows[i] = (float)random_normal(&twins->random);
  float *folder = copy(rows, count), *gguf = copy(rows, count);
  if (pair->conv1d) turn(folder, rows, pair->rows, columns);
  if (pair->heads && twins->interleaved) interleave(gguf, rows, pair->rows, columns, pair->heads);
  memory_free(rows);
  twins->values[2 * at] = folder, twins->values[2 * at + 1] = gguf;
  char *names[2] = {twins->names[2 * at], twins->names[2 * at + 1]};
  const char *spelled[2] = {pair->folder, pair->gguf};
  for (int i = 0; i < 2; i++) {
    const char *number = strstr(spelled[i], "%d");
    if (number)
      snprintf(names[i], 96, "%.*s%d%s", (int)(number - spelled[i]), spelled[i], layer, number + 2);
    else
      snprintf(names[i], 96, "%s", spelled[i]);
  }
  twins->folder[at] = (WrittenTensor){
      .name = names[0], .rows = pair->rows, .columns = pair->columns, .values = folder};
  if (pair->conv1d) twins->folder[at].rows = columns, twins->folder[at].columns = pair->rows;
  twins->gguf[at] = (WrittenTensor){
      .name = names[1], .rows = pair->rows, .columns = pair->columns, .values = gguf};
}

static void add_all(Twins *twins, const Pair *pairs, size_t count) {
  for (size_t i = 0; i < count; i++) {
    bool layered = strstr(pairs[i].folder, "%d") != NULL;
    for (int layer = 0; layer < (layered ? LAYERS : 1); layer++) add(twins, &pairs[i], layer);
  }
}

static void release(Twins *twins) {
  for (int i = 0; i < 2 * twins->count; i++) memory_free(twins->values[i]);
  memory_free(twins);
}

static const Pair llama_pairs[] = {
    {"model.embed_tokens.weight", "token_embd.weight", VOCABULARY, HIDDEN, 0, false},
    {"model.norm.weight", "output_norm.weight", HIDDEN, 0, 0, false},
    {"model.layers.%d.input_layernorm.weight", "blk.%d.attn_norm.weight", HIDDEN, 0, 0, false},
    {"model.layers.%d.self_attn.q_proj.weight", "blk.%d.attn_q.weight", HEADS *HEAD, HIDDEN, HEADS,
     false},
    {"model.layers.%d.self_attn.k_proj.weight", "blk.%d.attn_k.weight", KV_HEADS *HEAD, HIDDEN,
     KV_HEADS, false},
    {"model.layers.%d.self_attn.v_proj.weight", "blk.%d.attn_v.weight", KV_HEADS *HEAD, HIDDEN, 0,
     false},
    {"model.layers.%d.self_attn.o_proj.weight", "blk.%d.attn_output.weight", HIDDEN, HEADS *HEAD, 0,
     false},
    {"model.layers.%d.post_attention_layernorm.weight", "blk.%d.ffn_norm.weight", HIDDEN, 0, 0,
     false},
    {"model.layers.%d.mlp.gate_proj.weight", "blk.%d.ffn_gate.weight", INNER, HIDDEN, 0, false},
    {"model.layers.%d.mlp.up_proj.weight", "blk.%d.ffn_up.weight", INNER, HIDDEN, 0, false},
    {"model.layers.%d.mlp.down_proj.weight", "blk.%d.ffn_down.weight", HIDDEN, INNER, 0, false},
};
static const Pair head_pair = {"lm_head.weight", "output.weight", VOCABULARY, HIDDEN, 0, false};
static const Pair bias_pairs[] = {
    {"model.layers.%d.self_attn.q_proj.bias", "blk.%d.attn_q.bias", HEADS *HEAD, 0, HEADS, false},
    {"model.layers.%d.self_attn.k_proj.bias", "blk.%d.attn_k.bias", KV_HEADS *HEAD, 0, KV_HEADS,
     false},
    {"model.layers.%d.self_attn.v_proj.bias", "blk.%d.attn_v.bias", KV_HEADS *HEAD, 0, 0, false},
};
static const Pair output_bias_pair = {
    "model.layers.%d.self_attn.o_proj.bias", "blk.%d.attn_output.bias", HIDDEN, 0, 0, false};
static const Pair head_norm_pairs[] = {
    {"model.layers.%d.self_attn.q_norm.weight", "blk.%d.attn_q_norm.weight", HEAD, 0, 0, false},
    {"model.layers.%d.self_attn.k_norm.weight", "blk.%d.attn_k_norm.weight", HEAD, 0, 0, false},
};
static const Pair gpt2_pairs[] = {
    {"transformer.wte.weight", "token_embd.weight", VOCABULARY, HIDDEN, 0, false},
    {"transformer.wpe.weight", "position_embd.weight", POSITIONS, HIDDEN, 0, false},
    {"transformer.ln_f.weight", "output_norm.weight", HIDDEN, 0, 0, false},
    {"transformer.ln_f.bias", "output_norm.bias", HIDDEN, 0, 0, false},
    {"transformer.h.%d.ln_1.weight", "blk.%d.attn_norm.weight", HIDDEN, 0, 0, false},
    {"transformer.h.%d.ln_1.bias", "blk.%d.attn_norm.bias", HIDDEN, 0, 0, false},
    {"transformer.h.%d.attn.c_attn.weight", "blk.%d.attn_qkv.weight", 3 * HIDDEN, HIDDEN, 0, true},
    {"transformer.h.%d.attn.c_attn.bias", "blk.%d.attn_qkv.bias", 3 * HIDDEN, 0, 0, false},
    {"transformer.h.%d.attn.c_proj.weight", "blk.%d.attn_output.weight", HIDDEN, HIDDEN, 0, true},
    {"transformer.h.%d.attn.c_proj.bias", "blk.%d.attn_output.bias", HIDDEN, 0, 0, false},
    {"transformer.h.%d.ln_2.weight", "blk.%d.ffn_norm.weight", HIDDEN, 0, 0, false},
    {"transformer.h.%d.ln_2.bias", "blk.%d.ffn_norm.bias", HIDDEN, 0, 0, false},
    {"transformer.h.%d.mlp.c_fc.weight", "blk.%d.ffn_up.weight", INNER, HIDDEN, 0, true},
    {"transformer.h.%d.mlp.c_fc.bias", "blk.%d.ffn_up.bias", INNER, 0, 0, false},
    {"transformer.h.%d.mlp.c_proj.weight", "blk.%d.ffn_down.weight", HIDDEN, INNER, 0, true},
    {"transformer.h.%d.mlp.c_proj.bias", "blk.%d.ffn_down.bias", HIDDEN, 0, 0, false},
};

enum { MOST_KEYS = 24 };

typedef struct {
  WrittenKey keys[MOST_KEYS];
  int count;
} Keys;

static void add_key(Keys *keys, const char *architecture, const char *name, double number,
                    bool is_float) {
  WrittenKey *key = &keys->keys[keys->count++];
  *key = (WrittenKey){.number = number, .is_float = is_float};
  snprintf(key->key, sizeof key->key, "%s%s%s", architecture, architecture[0] ? "." : "", name);
}

static Keys usual_keys(const char *architecture) {
  Keys keys = {0};
  keys.keys[keys.count++] = (WrittenKey){.key = "general.architecture", .text = architecture};
  add_key(&keys, architecture, "embedding_length", HIDDEN, false);
  add_key(&keys, architecture, "block_count", LAYERS, false);
  add_key(&keys, architecture, "feed_forward_length", INNER, false);
  add_key(&keys, architecture, "attention.head_count", HEADS, false);
  add_key(&keys, architecture, "context_length", POSITIONS, false);
  add_key(&keys, architecture, "vocab_size", VOCABULARY, false);
  return keys;
}

static Model *open_path(const char *path, Dtype dtype) {
  Error error;
  char text[1024];
  ModelOptions options = {.path = path, .dtype = dtype, .rounding = dtype};
  Model *model = model_open(&options, team, cpu_best_tier(), &error);
  if (!model) fail_msg("%s", error_text(&error, text, sizeof text));
  return model;
}

static bool same_config(const ModelConfig *a, const ModelConfig *b) {
  bool same = a->family == b->family && a->hidden == b->hidden && a->heads == b->heads &&
              a->kv_heads == b->kv_heads && a->head_dim == b->head_dim && a->tied == b->tied &&
              a->qkv_bias == b->qkv_bias && a->output_bias == b->output_bias &&
              a->mlp_bias == b->mlp_bias && a->qk_norm == b->qk_norm &&
              a->max_positions == b->max_positions && a->activation == b->activation &&
              a->gated == b->gated && a->norm == b->norm && a->rope.kind == b->rope.kind &&
              a->attention_scale == b->attention_scale && a->rope.theta == b->rope.theta &&
              fabs(a->norm_epsilon - b->norm_epsilon) < 1e-12;
  for (int64_t i = 0; same && i < a->layers; i++)
    same = a->layer[i].rope == b->layer[i].rope && a->layer[i].window == b->layer[i].window;
  return same;
}

// Writes both, opens both, and compares their blocks behind the header page.
static void expect_twins(Twins *twins, const char *config, const Keys *keys) {
  char *folder = writer_folder(), *path = path_join(folder, "model.gguf");
  writer_text(folder, "config.json", config);
  writer_safetensors(folder, "model.safetensors", twins->folder, twins->count);
  writer_gguf(path, keys->keys, keys->count, twins->gguf, twins->count);
  static const Dtype dtypes[] = {DTYPE_F32, DTYPE_BF16};
  for (size_t d = 0; d < COUNT_OF(dtypes); d++) {
    Model *a = open_path(folder, dtypes[d]), *b = open_path(path, dtypes[d]);
    assert_true(same_config(model_config(a), model_config(b)));
    assert_int_equal(model_load(a).weight_bytes, model_load(b).weight_bytes);
    assert_memory_equal(model_weights(a)->embedding.panels, model_weights(b)->embedding.panels,
                        (size_t)model_load(a).weight_bytes - 4096);
    assert_int_equal(model_warning_count(b), 0);
    model_close(a), model_close(b);
  }
  memory_free(path);
  writer_remove(folder);
}

static Twins *new_twins(bool interleaved) {
  Twins *twins = memory_allocate(sizeof *twins);
  twins->random = random_seeded(seed);
  twins->interleaved = interleaved;
  return twins;
}

#define SIZES                                                                                      \
  "\"hidden_size\": 32, \"intermediate_size\": 48, \"num_hidden_layers\": 2,"                      \
  " \"num_attention_heads\": 4, \"num_key_value_heads\": 2, \"vocab_size\": 40,"                   \
  " \"max_position_embeddings\": 10, \"rms_norm_eps\": 0.0001220703125"

static Keys rms_keys(const char *architecture) {
  Keys keys = usual_keys(architecture);
  add_key(&keys, architecture, "attention.head_count_kv", KV_HEADS, false);
  add_key(&keys, architecture, "attention.layer_norm_rms_epsilon", 0x1p-13, true);
  return keys;
}

static void llama_rows_go_back_to_their_places(void **state) {
  (void)state;
  Twins *twins = new_twins(true);
  add_all(twins, llama_pairs, COUNT_OF(llama_pairs));
  add_all(twins, &head_pair, 1);
  add_all(twins, bias_pairs, COUNT_OF(bias_pairs));
  add_all(twins, &output_bias_pair, 1);
  Keys keys = rms_keys("llama");
  add_key(&keys, "llama", "rope.freq_base", 500000.0, true);
  add_key(&keys, "llama", "rope.dimension_count", HEAD, false);
  expect_twins(twins,
               "{\"model_type\": \"llama\", " SIZES ", \"attention_bias\": true,"
               " \"rope_theta\": 500000}",
               &keys);
  release(twins);
}

static void smollm3_rows_go_back_too(void **state) {
  (void)state;
  Twins *twins = new_twins(true);
  add_all(twins, llama_pairs, COUNT_OF(llama_pairs));
  Keys keys = rms_keys("smollm3");
  add_key(&keys, "smollm3", "rope.freq_base", 2e6, true);
  expect_twins(twins, "{\"model_type\": \"smollm3\", " SIZES "}", &keys);
  release(twins);
}

static void qwen2_rows_stay(void **state) {
  (void)state;
  Twins *twins = new_twins(false);
  add_all(twins, llama_pairs, COUNT_OF(llama_pairs));
  add_all(twins, bias_pairs, COUNT_OF(bias_pairs));
  Keys keys = rms_keys("qwen2");
  expect_twins(twins, "{\"model_type\": \"qwen2\", " SIZES ", \"tie_word_embeddings\": true}",
               &keys);
  release(twins);
}

static void qwen3_has_head_norms(void **state) {
  (void)state;
  Twins *twins = new_twins(false);
  add_all(twins, llama_pairs, COUNT_OF(llama_pairs));
  add_all(twins, head_norm_pairs, COUNT_OF(head_norm_pairs));
  Keys keys = rms_keys("qwen3");
  add_key(&keys, "qwen3", "attention.key_length", HEAD, false);
  add_key(&keys, "qwen3", "attention.value_length", HEAD, false);
  expect_twins(twins,
               "{\"model_type\": \"qwen3\", " SIZES ", \"head_dim\": 8,"
               " \"tie_word_embeddings\": true}",
               &keys);
  release(twins);
}

static void gpt2_is_stored_the_other_way_round(void **state) {
  (void)state;
  Twins *twins = new_twins(false);
  add_all(twins, gpt2_pairs, COUNT_OF(gpt2_pairs));
  Keys keys = usual_keys("gpt2");
  add_key(&keys, "gpt2", "attention.layer_norm_epsilon", 0x1p-13, true);
  expect_twins(twins,
               "{\"model_type\": \"gpt2\", \"n_embd\": 32, \"n_layer\": 2, \"n_head\": 4,"
               " \"n_inner\": 48, \"vocab_size\": 40, \"n_positions\": 10,"
               " \"layer_norm_epsilon\": 0.0001220703125}",
               &keys);
  release(twins);
}

// Rows of q as blocks of Q8_0 (a float16 scale, 32 integers): moved whole, not requantized.
static void quantized_rows_move_whole(void **state) {
  (void)state;
  enum { ROWS = HEADS * HEAD, BLOCK = 34 };
  static unsigned char blocks[LAYERS][ROWS * BLOCK];
  Twins *twins = new_twins(true);
  add_all(twins, llama_pairs, COUNT_OF(llama_pairs));
  for (int layer = 0, at = 0; at < twins->count; at++) {
    if (!strstr(twins->gguf[at].name, "attn_q.weight")) continue;
    for (int row = 0; row < ROWS; row++) {
      unsigned char *block = blocks[layer] + row * BLOCK;
      block[0] = 0, block[1] = 0x3C; // the scale 1
      for (int k = 0; k < HIDDEN; k++) block[2 + k] = (unsigned char)(row - k);
    }
    twins->gguf[at].dtype = DTYPE_Q8_0;
    twins->gguf[at].bytes = blocks[layer++];
  }
  Keys keys = rms_keys("llama");
  char *folder = writer_folder(), *path = path_join(folder, "model.gguf");
  writer_gguf(path, keys.keys, keys.count, twins->gguf, twins->count);
  Model *model = open_path(path, DTYPE_BF16);
  float found[HIDDEN];
  for (int64_t row = 0; row < ROWS; row++) {
    int64_t within = row % HEAD, file = row - within + 2 * (within % 4) + within / 4;
    matrix_row(&model_weights(model)->layers[1].qkv, row, found);
    for (int64_t k = 0; k < HIDDEN; k++) assert_true(found[k] == (float)(file - k));
  }
  model_close(model);
  memory_free(path);
  writer_remove(folder);
  release(twins);
}

static void expect_refusal(const Keys *keys, const Twins *twins, ErrorCode code, const char *part) {
  Error error;
  char text[1024];
  char *folder = writer_folder(), *path = path_join(folder, "model.gguf");
  writer_gguf(path, keys->keys, keys->count, twins->gguf, twins->count);
  ModelOptions options = {.path = path, .dtype = DTYPE_F32};
  if (model_open(&options, team, cpu_best_tier(), &error)) fail_msg("accepted: %s", part);
  error_text(&error, text, sizeof text);
  if (error.code != code || !strstr(text, part)) fail_msg("says: %s\nexpected: %s", text, part);
  memory_free(path);
  writer_remove(folder);
}

static void wrong_metadata_is_refused(void **state) {
  (void)state;
  Twins *twins = new_twins(true);
  add_all(twins, llama_pairs, COUNT_OF(llama_pairs));
  Keys keys = rms_keys("gemma2");
  expect_refusal(&keys, twins, ERROR_UNSUPPORTED, "\"gemma2\", supported are llama, qwen2");
  keys = rms_keys("mistral");
  expect_refusal(&keys, twins, ERROR_UNSUPPORTED, "mistral");
  keys = rms_keys("llama");
  add_key(&keys, "llama", "rope.dimension_count", HEAD / 2, false);
  expect_refusal(&keys, twins, ERROR_UNSUPPORTED, "rope.dimension_count is 4");
  keys = rms_keys("llama");
  add_key(&keys, "llama", "rope.freq_base", -1.0, true);
  expect_refusal(&keys, twins, ERROR_FORMAT, "freq_base is -1");
  keys = rms_keys("llama");
  add_key(&keys, "llama", "attention.value_length", HEAD + 1, false);
  expect_refusal(&keys, twins, ERROR_UNSUPPORTED, "value_length is 9");
  keys = rms_keys("llama");
  keys.keys[1].number = 0.0;
  expect_refusal(&keys, twins, ERROR_FORMAT, "embedding_length");
  keys = rms_keys("llama");
  keys.keys[6].number = VOCABULARY + 1;
  expect_refusal(&keys, twins, ERROR_FORMAT, "shape is [40, 32], expected [41, 32]");
  release(twins);
}

static void rope_settings_are_read(void **state) {
  (void)state;
  static const float factors[HEAD / 2] = {1.0f, 2.0f, 4.0f, 8.0f};
  Twins *twins = new_twins(true);
  add_all(twins, llama_pairs, COUNT_OF(llama_pairs));
  char *folder = writer_folder(), *path = path_join(folder, "model.gguf");

  Keys keys = rms_keys("llama");
  keys.keys[keys.count++] = (WrittenKey){.key = "llama.rope.scaling.type", .text = "yarn"};
  add_key(&keys, "llama", "rope.scaling.factor", 4.0, true);
  add_key(&keys, "llama", "rope.scaling.original_context_length", 5, false);
  add_key(&keys, "", "tokenizer.ggml.eos_token_id", 7, false);
  add_key(&keys, "", "tokenizer.ggml.bos_token_id", 4294967295.0, false);
  writer_gguf(path, keys.keys, keys.count, twins->gguf, twins->count);
  Model *model = open_path(path, DTYPE_F32);
  const RopeConfig *rope = &model_config(model)->rope;
  assert_int_equal(rope->kind, ROPE_YARN);
  assert_int_equal(rope->original_positions, 5);
  assert_true(fabs(rope->attention_factor - (0.1 * log(4.0) + 1.0)) < 1e-12);
  assert_int_equal(model_config(model)->stop_count, 1);
  assert_int_equal(model_config(model)->stop_ids[0], 7);
  assert_int_equal(model_config(model)->bos_id, -1);
  model_close(model);

  keys = rms_keys("llama");
  add_key(&keys, "llama", "rope.scale_linear", 2.0, true);
  writer_gguf(path, keys.keys, keys.count, twins->gguf, twins->count);
  model = open_path(path, DTYPE_F32);
  assert_int_equal(model_config(model)->rope.kind, ROPE_LINEAR);
  assert_true(model_config(model)->rope.factor == 2.0);
  model_close(model);

  keys = rms_keys("llama");
  twins->gguf[twins->count] =
      (WrittenTensor){.name = "rope_freqs.weight", .rows = HEAD / 2, .values = factors};
  writer_gguf(path, keys.keys, keys.count, twins->gguf, twins->count + 1);
  model = open_path(path, DTYPE_F32);
  assert_int_equal(model_config(model)->rope.kind, ROPE_FACTORS);
  assert_memory_equal(model_config(model)->rope.factors, factors, sizeof factors);
  assert_int_equal(model_warning_count(model), 0);
  model_close(model);
  memory_free(path);
  writer_remove(folder);
  release(twins);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(llama_rows_go_back_to_their_places),
      cmocka_unit_test(smollm3_rows_go_back_too),
      cmocka_unit_test(qwen2_rows_stay),
      cmocka_unit_test(qwen3_has_head_norms),
      cmocka_unit_test(gpt2_is_stored_the_other_way_round),
      cmocka_unit_test(quantized_rows_move_whole),
      cmocka_unit_test(wrong_metadata_is_refused),
      cmocka_unit_test(rope_settings_are_read),
  };
  return cmocka_run_group_tests(tests, open_team, close_team);
}
