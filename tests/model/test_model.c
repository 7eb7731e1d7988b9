// SPDX-License-Identifier: Apache-2.0
// Folders, presets and memory files: what is packed is what the source holds, rounded.
#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "checkpoint_writer.h"
#include "formats/safetensors.h"
#include "model/model.h"
#include "model/model_files.h"
#include "tensor/widen.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

static Team *teams[3]; // of 1, 2 and 3 threads
static uint64_t seed;

static int open_teams(void **state) {
  (void)state;
  Error error;
  seed = (uint64_t)clock_now();
  printf("# seed %llu\n", (unsigned long long)seed);
  for (int i = 0; i < 3; i++)
    if (!(teams[i] = team_open(i + 1, false, &error))) return -1;
  return 0;
}

static int close_teams(void **state) {
  (void)state;
  for (int i = 0; i < 3; i++) team_close(teams[i]);
  return 0;
}

static const Dtype dtypes[] = {DTYPE_F32, DTYPE_BF16, DTYPE_F16};

static Model *open_model(const ModelOptions *options, int threads) {
  Error error;
  char text[1024];
  Model *model = model_open(options, teams[threads - 1], cpu_best_tier(), &error);
  if (!model) fail_msg("%s", error_text(&error, text, sizeof text));
  return model;
}

static void expect_refusal(const char *path, ErrorCode code, const char *part) {
  Error error;
  char text[1024];
  ModelOptions options = {.path = path, .dtype = DTYPE_BF16, .rounding = DTYPE_BF16};
  Model *model = model_open(&options, teams[0], cpu_best_tier(), &error);
  if (model) fail_msg("accepted, expected: %s", part);
  error_text(&error, text, sizeof text);
  if (error.code != code || !strstr(text, part)) fail_msg("says: %s\nexpected: %s", text, part);
}

static bool has_warning(const Model *model, const char *part) {
  for (int i = 0; i < model_warning_count(model); i++)
    if (strstr(model_warning(model, i), part)) return true;
  return false;
}

// What the values become in a file of one dtype and a model of two others.
static float rounded(float value, Dtype dtype) {
  uint32_t narrow;
  float wide;
  narrow_row(dtype, &value, &narrow, 1);
  widen_row(dtype, &narrow, &wide, 1);
  return wide;
}

typedef struct {
  Dtype file, rounding, dtype;
} Path;

static float through(float value, Path path) {
  return rounded(rounded(rounded(value, path.file), path.rounding), path.dtype);
}

static void expect_row(const Matrix *matrix, int64_t row, const float *values, int64_t stride,
                       Path path) {
  float *found = memory_allocate((size_t)matrix->columns * sizeof *found);
  memset(found, 0xFF, (size_t)matrix->columns * sizeof *found);
  matrix_row(matrix, row, found);
  for (int64_t k = 0; k < matrix->columns; k++)
    assert_true(found[k] == through(values[k * stride], path));
  memory_free(found);
}

static void expect_rows(const Matrix *matrix, int64_t first, const WrittenTensor *tensor,
                        Path path) {
  assert_int_equal(matrix->columns, tensor->columns);
  for (int64_t row = 0; row < tensor->rows; row++)
    expect_row(matrix, first + row, tensor->values + row * tensor->columns, 1, path);
}

static void expect_vector(const float *vector, const WrittenTensor *tensor, Path path) {
  assert_non_null(vector);
  for (int64_t i = 0; i < tensor->rows; i++)
    assert_true(vector[i] == through(tensor->values[i], path));
}

static float *random_values(Random *random, int64_t count) {
  float *values = memory_allocate((size_t)count * sizeof *values);
  for (int64_t i = 0; i < count; i++) values[i] = (float)random_normal(random);
  return values;
}

static void fill(WrittenTensor *tensors, int count, Dtype dtype) {
  Random random = random_seeded(seed);
  for (int i = 0; i < count; i++) {
    tensors[i].dtype = dtype;
    tensors[i].values =
        random_values(&random, tensors[i].rows * (tensors[i].columns ? tensors[i].columns : 1));
  }
}

static void release(WrittenTensor *tensors, int count) {
  for (int i = 0; i < count; i++) memory_free((void *)(uintptr_t)tensors[i].values);
}

// One layer, with panels that hold rows of q, k and v.
#define LLAMA_SIZES                                                                                \
  "\"model_type\": \"llama\", \"hidden_size\": 23, \"intermediate_size\": 20,"                     \
  " \"num_hidden_layers\": 1, \"num_attention_heads\": 3, \"num_key_value_heads\": 1,"             \
  " \"head_dim\": 6, \"vocab_size\": 37, \"attention_bias\": true"

enum { EMBED, NORM, HEAD, NORM1, Q, K, V, O, QB, KB, VB, OB, NORM2, GATE, UP, DOWN, LLAMA_COUNT };

static const WrittenTensor llama_tensors[LLAMA_COUNT] = {
    [EMBED] = {.name = "embed_tokens.weight", .rows = 37, .columns = 23},
    [NORM] = {.name = "norm.weight", .rows = 23},
    [HEAD] = {.name = "lm_head.weight", .rows = 37, .columns = 23},
    [NORM1] = {.name = "layers.0.input_layernorm.weight", .rows = 23},
    [Q] = {.name = "layers.0.self_attn.q_proj.weight", .rows = 18, .columns = 23},
    [K] = {.name = "layers.0.self_attn.k_proj.weight", .rows = 6, .columns = 23},
    [V] = {.name = "layers.0.self_attn.v_proj.weight", .rows = 6, .columns = 23},
    [O] = {.name = "layers.0.self_attn.o_proj.weight", .rows = 23, .columns = 18},
    [QB] = {.name = "layers.0.self_attn.q_proj.bias", .rows = 18},
    [KB] = {.name = "layers.0.self_attn.k_proj.bias", .rows = 6},
    [VB] = {.name = "layers.0.self_attn.v_proj.bias", .rows = 6},
    [OB] = {.name = "layers.0.self_attn.o_proj.bias", .rows = 23},
    [NORM2] = {.name = "layers.0.post_attention_layernorm.weight", .rows = 23},
    [GATE] = {.name = "layers.0.mlp.gate_proj.weight", .rows = 20, .columns = 23},
    [UP] = {.name = "layers.0.mlp.up_proj.weight", .rows = 20, .columns = 23},
    [DOWN] = {.name = "layers.0.mlp.down_proj.weight", .rows = 23, .columns = 20},
};

static void check_llama(const Model *model, const WrittenTensor *t, Path path) {
  const Weights *weights = model_weights(model);
  const LayerWeights *layer = &weights->layers[0];
  expect_rows(&weights->embedding, 0, &t[EMBED], path);
  expect_rows(&weights->head, 0, &t[HEAD], path);
  expect_vector(weights->final_norm.weight, &t[NORM], path);
  expect_vector(layer->attention_norm.weight, &t[NORM1], path);
  expect_vector(layer->mlp_norm.weight, &t[NORM2], path);
  expect_rows(&layer->qkv, 0, &t[Q], path);
  expect_rows(&layer->qkv, 18, &t[K], path);
  expect_rows(&layer->qkv, 24, &t[V], path);
  expect_vector(layer->qkv.bias, &t[QB], path);
  expect_vector(layer->qkv.bias + 18, &t[KB], path);
  expect_vector(layer->qkv.bias + 24, &t[VB], path);
  expect_rows(&layer->attention_output, 0, &t[O], path);
  expect_vector(layer->attention_output.bias, &t[OB], path);
  expect_rows(&layer->up, 0, &t[GATE], path);
  expect_rows(&layer->up, 20, &t[UP], path);
  expect_rows(&layer->down, 0, &t[DOWN], path);
  assert_null(layer->up.bias);
  assert_null(weights->positions);
}

static void a_folder_is_packed_in_every_dtype(void **state) {
  (void)state;
  for (size_t file = 0; file < COUNT_OF(dtypes); file++) {
    WrittenTensor t[LLAMA_COUNT];
    memcpy(t, llama_tensors, sizeof t);
    fill(t, LLAMA_COUNT, dtypes[file]);
    char *folder = writer_folder();
    writer_text(folder, "config.json", "{" LLAMA_SIZES "}");
    writer_text(folder, "generation_config.json", "{\"eos_token_id\": [3, 4]}");
    writer_safetensors(folder, "model.safetensors", t, LLAMA_COUNT);
    for (size_t d = 0; d < COUNT_OF(dtypes); d++) {
      for (size_t r = 0; r < COUNT_OF(dtypes); r++) {
        ModelOptions options = {.path = folder, .dtype = dtypes[d], .rounding = dtypes[r]};
        Model *model = open_model(&options, 1 + (int)(d + r) % 3);
        check_llama(model, t, (Path){dtypes[file], dtypes[r], dtypes[d]});
        assert_int_equal(model_warning_count(model), 0);
        assert_int_equal(model_config(model)->stop_count, 2);
        assert_int_equal(model_dtype(model), dtypes[d]);
        assert_true(model_load(model).make_ns > 0 && model_load(model).source_bytes > 0);
        model_close(model);
      }
    }
    writer_remove(folder);
    release(t, LLAMA_COUNT);
  }
}

static void prefixes_come_and_go(void **state) {
  (void)state;
  static const char *const prefixes[] = {"model.", "module.", "_orig_mod.model.",
                                         "module._orig_mod.model."};
  WrittenTensor t[LLAMA_COUNT];
  memcpy(t, llama_tensors, sizeof t);
  fill(t, LLAMA_COUNT, DTYPE_F32);
  char *folder = writer_folder();
  writer_text(folder, "config.json", "{" LLAMA_SIZES "}");
  for (size_t p = 0; p < COUNT_OF(prefixes); p++) {
    static char names[LLAMA_COUNT][128];
    for (int i = 0; i < LLAMA_COUNT; i++) {
      const char *prefix = i == HEAD && p == 0 ? "" : prefixes[p];
      snprintf(names[i], sizeof names[i], "%s%s", prefix, llama_tensors[i].name);
      t[i].name = names[i];
    }
    writer_safetensors(folder, "model.safetensors", t, LLAMA_COUNT);
    ModelOptions options = {.path = folder, .dtype = DTYPE_F32};
    Model *model = open_model(&options, 2);
    check_llama(model, t, (Path){DTYPE_F32, DTYPE_F32, DTYPE_F32});
    assert_int_equal(model_warning_count(model), 0);
    model_close(model);
  }
  writer_remove(folder);
  release(t, LLAMA_COUNT);
}

static Model *open_llama(const char *folder, const char *tied, const WrittenTensor *tensors,
                         int count) {
  char text[1024];
  snprintf(text, sizeof text, "{" LLAMA_SIZES ", \"tie_word_embeddings\": %s}", tied);
  writer_text(folder, "config.json", text);
  writer_safetensors(folder, "model.safetensors", tensors, count);
  ModelOptions options = {.path = folder, .dtype = DTYPE_BF16, .rounding = DTYPE_BF16};
  return open_model(&options, 2);
}

static void heads_are_tied_or_not(void **state) {
  (void)state;
  WrittenTensor t[LLAMA_COUNT], without[LLAMA_COUNT];
  const Path path = {DTYPE_BF16, DTYPE_BF16, DTYPE_BF16};
  memcpy(t, llama_tensors, sizeof t);
  fill(t, LLAMA_COUNT, DTYPE_BF16);
  char *folder = writer_folder();

  // The configuration ties, the file says otherwise: the file is right.
  Model *model = open_llama(folder, "true", t, LLAMA_COUNT);
  assert_true(has_warning(model, "different head"));
  assert_false(model_config(model)->tied);
  check_llama(model, t, path);
  model_close(model);

  // The same matrix twice shares the panels, whatever the dtypes.
  const float *head = t[HEAD].values;
  t[HEAD].values = t[EMBED].values;
  model = open_llama(folder, "true", t, LLAMA_COUNT);
  assert_int_equal(model_warning_count(model), 0);
  assert_ptr_equal(model_weights(model)->head.panels, model_weights(model)->embedding.panels);
  assert_true(model_config(model)->tied);
  check_llama(model, t, path);
  model_close(model);
  model = open_llama(folder, "false", t, LLAMA_COUNT);
  assert_ptr_not_equal(model_weights(model)->head.panels, model_weights(model)->embedding.panels);
  model_close(model);

  // Only one of the two is stored.
  memcpy(without, t, sizeof without);
  without[HEAD] = t[LLAMA_COUNT - 1];
  model = open_llama(folder, "true", without, LLAMA_COUNT - 1);
  assert_int_equal(model_warning_count(model), 0);
  check_llama(model, t, path);
  model_close(model);
  model = open_llama(folder, "false", without, LLAMA_COUNT - 1);
  assert_true(has_warning(model, "embedding is used"));
  check_llama(model, t, path);
  model_close(model);
  memcpy(without, t, sizeof without);
  without[EMBED] = t[LLAMA_COUNT - 1];
  model = open_llama(folder, "true", without, LLAMA_COUNT - 1);
  check_llama(model, t, path);
  model_close(model);

  t[HEAD].values = head;
  writer_remove(folder);
  release(t, LLAMA_COUNT);
}

static void other_tensors_are_warned_about(void **state) {
  (void)state;
  WrittenTensor t[LLAMA_COUNT + 3];
  memcpy(t, llama_tensors, sizeof llama_tensors);
  t[LLAMA_COUNT] =
      (WrittenTensor){.name = "model.layers.0.self_attn.rotary_emb.inv_freq", .rows = 3};
  t[LLAMA_COUNT + 1] = (WrittenTensor){.name = "vision.stem", .rows = 3};
  t[LLAMA_COUNT + 2] = (WrittenTensor){.name = "vision.head", .rows = 3};
  fill(t, LLAMA_COUNT + 3, DTYPE_F32);
  char *folder = writer_folder();
  Model *model = open_llama(folder, "false", t, LLAMA_COUNT + 1);
  assert_int_equal(model_warning_count(model), 0);
  model_close(model);
  model = open_llama(folder, "false", t, LLAMA_COUNT + 3);
  assert_int_equal(model_warning_count(model), 1);
  assert_true(has_warning(model, "2 tensors were not used: vision.stem, vision.head"));
  model_close(model);
  writer_remove(folder);
  release(t, LLAMA_COUNT + 3);
}

static void wrong_files_are_refused_by_name(void **state) {
  (void)state;
  WrittenTensor t[LLAMA_COUNT];
  memcpy(t, llama_tensors, sizeof t);
  fill(t, LLAMA_COUNT, DTYPE_F32);
  char *folder = writer_folder();
  expect_refusal(folder, ERROR_NOT_FOUND, "config.json");
  writer_text(folder, "config.json", "{" LLAMA_SIZES "}");
  expect_refusal(folder, ERROR_NOT_FOUND, "safetensors");
  writer_safetensors(folder, "model.safetensors", t, LLAMA_COUNT - 1);
  expect_refusal(folder, ERROR_NOT_FOUND, "model.layers.0.mlp.down_proj.weight");
  t[DOWN].rows = 20, t[DOWN].columns = 23;
  writer_safetensors(folder, "model.safetensors", t, LLAMA_COUNT);
  expect_refusal(folder, ERROR_FORMAT, "shape is [20, 23], expected [23, 20]");
  t[DOWN].rows = 460, t[DOWN].columns = 0;
  writer_safetensors(folder, "model.safetensors", t, LLAMA_COUNT);
  expect_refusal(folder, ERROR_FORMAT, "shape is [460], expected [23, 20]");
  t[DOWN] = (WrittenTensor){.name = t[DOWN].name,
                            .dtype = DTYPE_I32,
                            .rows = 23,
                            .columns = 20,
                            .values = t[DOWN].values,
                            .bytes = t[DOWN].values};
  writer_safetensors(folder, "model.safetensors", t, LLAMA_COUNT);
  expect_refusal(folder, ERROR_UNSUPPORTED, "dtype is int32");
  writer_remove(folder);
  release(t, LLAMA_COUNT);
  expect_refusal("/no/such/model", ERROR_NOT_FOUND, "/no/such/model");
  expect_refusal("preset:none", ERROR_NOT_FOUND, "tiny-gpt2");
}

static void gpt2_is_turned_round(void **state) {
  (void)state;
  enum {
    WTE,
    WPE,
    LNF,
    LNFB,
    LN1,
    LN1B,
    QKV,
    QKVB,
    PROJ,
    PROJB,
    LN2,
    LN2B,
    FC,
    FCB,
    OUT,
    OUTB,
    COUNT
  };
  WrittenTensor t[COUNT] = {
      [WTE] = {.name = "wte.weight", .rows = 19, .columns = 12},
      [WPE] = {.name = "wpe.weight", .rows = 7, .columns = 12},
      [LNF] = {.name = "ln_f.weight", .rows = 12},
      [LNFB] = {.name = "ln_f.bias", .rows = 12},
      [LN1] = {.name = "h.0.ln_1.weight", .rows = 12},
      [LN1B] = {.name = "h.0.ln_1.bias", .rows = 12},
      [QKV] = {.name = "h.0.attn.c_attn.weight", .rows = 12, .columns = 36},
      [QKVB] = {.name = "h.0.attn.c_attn.bias", .rows = 36},
      [PROJ] = {.name = "h.0.attn.c_proj.weight", .rows = 12, .columns = 12},
      [PROJB] = {.name = "h.0.attn.c_proj.bias", .rows = 12},
      [LN2] = {.name = "h.0.ln_2.weight", .rows = 12},
      [LN2B] = {.name = "h.0.ln_2.bias", .rows = 12},
      [FC] = {.name = "h.0.mlp.c_fc.weight", .rows = 12, .columns = 48},
      [FCB] = {.name = "h.0.mlp.c_fc.bias", .rows = 48},
      [OUT] = {.name = "h.0.mlp.c_proj.weight", .rows = 48, .columns = 12},
      [OUTB] = {.name = "h.0.mlp.c_proj.bias", .rows = 12},
  };
  fill(t, COUNT, DTYPE_F32);
  char *folder = writer_folder();
  writer_text(folder, "config.json",
              "{\"model_type\": \"gpt2\", \"n_embd\": 12, \"n_layer\": 1,"
              " \"n_head\": 3, \"vocab_size\": 19, \"n_positions\": 7}");
  writer_safetensors(folder, "model.safetensors", t, COUNT);
  for (size_t d = 0; d < COUNT_OF(dtypes); d++) {
    const Path path = {DTYPE_F32, dtypes[d], dtypes[d]};
    ModelOptions options = {.path = folder, .dtype = dtypes[d], .rounding = dtypes[d]};
    Model *model = open_model(&options, 3);
    const Weights *weights = model_weights(model);
    const struct {
      const Matrix *matrix;
      const WrittenTensor *tensor, *bias;
    } turned[] = {{&weights->layers[0].qkv, &t[QKV], &t[QKVB]},
                  {&weights->layers[0].attention_output, &t[PROJ], &t[PROJB]},
                  {&weights->layers[0].up, &t[FC], &t[FCB]},
                  {&weights->layers[0].down, &t[OUT], &t[OUTB]}};
    for (size_t i = 0; i < COUNT_OF(turned); i++) {
      assert_int_equal(turned[i].matrix->rows, turned[i].tensor->columns);
      for (int64_t row = 0; row < turned[i].matrix->rows; row++)
        expect_row(turned[i].matrix, row, turned[i].tensor->values + row, turned[i].tensor->columns,
                   path);
      expect_vector(turned[i].matrix->bias, turned[i].bias, path);
    }
    expect_rows(&weights->embedding, 0, &t[WTE], path);
    for (int i = 0; i < 7 * 12; i++)
      assert_true(weights->positions[i] == through(t[WPE].values[i], path));
    expect_vector(weights->final_norm.bias, &t[LNFB], path);
    expect_vector(weights->layers[0].mlp_norm.bias, &t[LN2B], path);
    model_close(model);
  }
  writer_remove(folder);
  release(t, COUNT);
}

static void every_golden_model_opens(void **state) {
  (void)state;
  static const char *const names[] = {"gpt2",
                                      "llama-dynamic",
                                      "llama-gqa-tied",
                                      "llama-headdim",
                                      "llama-linear",
                                      "llama-llama3rope",
                                      "llama-mha-untied-bias",
                                      "llama-yarn",
                                      "mistral-window",
                                      "qwen2",
                                      "qwen3",
                                      "smollm3"};
  for (size_t i = 0; i < COUNT_OF(names); i++) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", GOLDEN_MODELS, names[i]);
    ModelOptions options = {.path = path, .dtype = DTYPE_F32};
    Model *model = open_model(&options, 2);
    assert_int_equal(model_warning_count(model), 0);
    // The files hold nothing but parameters, in float32, and a short header.
    int64_t bytes = 4 * config_weights(model_config(model));
    assert_in_range(model_load(model).source_bytes, bytes, bytes + 8192);
    model_close(model);
  }
}

static void shards_make_one_model(void **state) {
  (void)state;
  Error error;
  Checkpoint shard;
  ModelOptions options = {.path = GOLDEN_MODELS "/qwen2", .dtype = DTYPE_F32};
  Model *model = open_model(&options, 2);
  const struct {
    const char *file, *tensor;
    const Matrix *matrix;
    int64_t first;
  } cases[] = {
      {"model-00001-of-00002.safetensors", "model.layers.0.self_attn.k_proj.weight",
       &model_weights(model)->layers[0].qkv, 64},
      {"model-00002-of-00002.safetensors", "model.layers.1.mlp.up_proj.weight",
       &model_weights(model)->layers[1].up, 88},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    char path[512];
    snprintf(path, sizeof path, "%s/qwen2/%s", GOLDEN_MODELS, cases[i].file);
    assert_true(safetensors_open(&shard, path, &error));
    const Tensor *tensor = checkpoint_find(&shard, cases[i].tensor);
    assert_non_null(tensor);
    WrittenTensor written = {
        .rows = tensor->shape[0], .columns = tensor->shape[1], .values = tensor->data};
    expect_rows(cases[i].matrix, cases[i].first, &written, (Path){0});
    checkpoint_close(&shard);
  }
  model_close(model);
}

// The block behind its header page: the embedding's panels come first.
static const void *block_of(const Model *model) {
  return model_weights(model)->embedding.panels;
}

static size_t block_size(const Model *model) {
  return (size_t)model_load(model).weight_bytes - 4096;
}

static void presets_are_the_same_everywhere(void **state) {
  (void)state;
  static const char *const names[] = {"preset:tiny", "preset:tiny-qwen3", "preset:tiny-gpt2"};
  for (size_t i = 0; i < COUNT_OF(names); i++) {
    for (size_t d = 0; d < COUNT_OF(dtypes); d++) {
      ModelOptions options = {
          .path = names[i], .dtype = dtypes[d], .rounding = dtypes[d], .seed = seed};
      Model *one = open_model(&options, 1), *three = open_model(&options, 3);
      assert_memory_equal(block_of(one), block_of(three), block_size(one));
      options.dtype = DTYPE_F32;
      Model *wide = open_model(&options, 2);
      const Matrix *narrow_rows = &model_weights(one)->layers[1].qkv;
      const Matrix *wide_rows = &model_weights(wide)->layers[1].qkv;
      float a[64], b[64];
      for (int64_t row = 0; row < narrow_rows->rows; row++) {
        matrix_row(narrow_rows, row, a);
        matrix_row(wide_rows, row, b);
        assert_memory_equal(a, b, sizeof a);
      }
      assert_memory_equal(model_weights(one)->layers[0].mlp_norm.weight,
                          model_weights(wide)->layers[0].mlp_norm.weight, sizeof a);
      options.seed++;
      Model *other = open_model(&options, 2);
      assert_memory_not_equal(block_of(wide), block_of(other), block_size(wide));
      model_close(one), model_close(three), model_close(wide), model_close(other);
    }
  }
}

static void expect_no_map(const ModelOptions *options, int descriptor, const char *part) {
  Error error;
  char text[1024];
  Model *model = model_map(options, descriptor, &error);
  if (model) fail_msg("mapped, expected: %s", part);
  if (!strstr(error_text(&error, text, sizeof text), part))
    fail_msg("says: %s\nexpected: %s", text, part);
}

static void a_memory_file_travels(void **state) {
  (void)state;
  Error error;
  ModelLoad load = {0};
  ModelOptions options = {
      .path = "preset:tiny-smollm3", .dtype = DTYPE_BF16, .rounding = DTYPE_BF16, .seed = seed};
  int descriptor = memfd_create("weights", MFD_ALLOW_SEALING | MFD_CLOEXEC);
  assert_true(descriptor >= 0);
  expect_no_map(&options, descriptor, "not sealed");
  assert_true(model_make(&options, descriptor, teams[1], cpu_best_tier(), &load, &error));
  assert_true(load.make_ns > 0 && load.weight_bytes > 0);
  // Nobody can change or cut it any more.
  assert_true(ftruncate(descriptor, 0) != 0);
  assert_true(pwrite(descriptor, "x", 1, 5000) < 0);

  Model *mapped = model_map(&options, descriptor, &error), *private = open_model(&options, 1);
  assert_non_null(mapped);
  assert_memory_equal(block_of(mapped), block_of(private), block_size(mapped));
  assert_int_equal(model_load(mapped).weight_bytes, load.weight_bytes);
  assert_int_equal(model_load(mapped).make_ns, 0);
  assert_true(model_load(mapped).map_ns > 0);
  model_close(mapped), model_close(private);

  ModelOptions other = options;
  other.dtype = DTYPE_F16;
  expect_no_map(&other, descriptor, "other options");
  other = options;
  other.seed++;
  expect_no_map(&other, descriptor, "other options");
  other = options;
  other.path = "preset:tiny";
  expect_no_map(&other, descriptor, "another model");
  close(descriptor);

  descriptor = memfd_create("weights", MFD_ALLOW_SEALING | MFD_CLOEXEC);
  assert_int_equal(ftruncate(descriptor, 8192), 0);
  assert_int_equal(fcntl(descriptor, F_ADD_SEALS, 15), 0);
  expect_no_map(&options, descriptor, "does not hold weights");
  close(descriptor);
}

static void warnings_travel_with_the_block(void **state) {
  (void)state;
  Error error;
  ModelLoad load;
  WrittenTensor t[LLAMA_COUNT];
  memcpy(t, llama_tensors, sizeof t);
  fill(t, LLAMA_COUNT, DTYPE_F32);
  char *folder = writer_folder();
  model_close(open_llama(folder, "true", t, LLAMA_COUNT));
  ModelOptions options = {.path = folder, .dtype = DTYPE_F32};
  int descriptor = memfd_create("weights", MFD_ALLOW_SEALING | MFD_CLOEXEC);
  assert_true(model_make(&options, descriptor, teams[0], CPU_TIER_REFERENCE, &load, &error));
  Model *mapped = model_map(&options, descriptor, &error);
  assert_non_null(mapped);
  assert_true(has_warning(mapped, "different head"));
  assert_int_equal(model_load(mapped).source_bytes, load.source_bytes);
  check_llama(mapped, t, (Path){0});
  model_close(mapped);
  close(descriptor);
  writer_remove(folder);
  release(t, LLAMA_COUNT);
}

static void files_are_listed_and_hashed(void **state) {
  (void)state;
  Error error;
  ModelFiles files;
  Arena *arena = arena_open(0);
  char *folder = writer_folder();
  assert_false(model_files_list(&files, folder, arena, &error));
  writer_text(folder, "config.json", "abc");
  writer_text(folder, "model-00001-of-00001.safetensors", "");
  writer_text(folder, "README.md", "x");
  writer_text(folder, "a-00001-of-00002.gguf", "abc");
  writer_text(folder, "a-00002-of-00002.gguf", "abc");
  writer_text(folder, "a-00002-of-00003.gguf", "abc");
  assert_true(model_files_list(&files, folder, arena, &error));
  assert_int_equal(files.count, 2);
  assert_string_equal(files.files[0].name, "config.json");
  assert_int_equal(files.files[0].bytes, 3);
  assert_string_equal(files.files[0].sha256, "");
  assert_true(model_files_hash(&files, &error));
  assert_string_equal(files.files[0].sha256,
                      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  char *path = path_join(folder, "a-00001-of-00002.gguf");
  assert_true(model_files_list(&files, path, arena, &error));
  assert_int_equal(files.count, 2);
  assert_string_equal(files.files[1].name, "a-00002-of-00002.gguf");
  assert_true(model_files_list(&files, "preset:tiny", arena, &error));
  assert_int_equal(files.count, 0);
  memory_free(path);
  writer_remove(folder);
  arena_close(arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_folder_is_packed_in_every_dtype),
      cmocka_unit_test(prefixes_come_and_go),
      cmocka_unit_test(heads_are_tied_or_not),
      cmocka_unit_test(other_tensors_are_warned_about),
      cmocka_unit_test(wrong_files_are_refused_by_name),
      cmocka_unit_test(gpt2_is_turned_round),
      cmocka_unit_test(every_golden_model_opens),
      cmocka_unit_test(shards_make_one_model),
      cmocka_unit_test(presets_are_the_same_everywhere),
      cmocka_unit_test(a_memory_file_travels),
      cmocka_unit_test(warnings_travel_with_the_block),
      cmocka_unit_test(files_are_listed_and_hashed),
  };
  return cmocka_run_group_tests(tests, open_teams, close_teams);
}
