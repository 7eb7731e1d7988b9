// SPDX-License-Identifier: Apache-2.0
#include "golden.h"
#include "formats/npy.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const golden_names[] = {"gpt2",
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
                                    "smollm3",
                                    "small-gpt2-inner",
                                    "small-gpt2-untied",
                                    "small-llama-bf16",
                                    "small-llama-dynamic-old",
                                    "small-llama-f16",
                                    "small-llama-heads",
                                    "small-llama-linear-old",
                                    "small-llama-llama3-old",
                                    "small-llama-mqa-sharded",
                                    "small-llama-theta-old",
                                    "small-llama-yarn-beta",
                                    "small-llama-yarn-mscale",
                                    "small-llama-yarn-old",
                                    "small-mistral-full",
                                    "small-mistral-window",
                                    "small-qwen2-window",
                                    "small-qwen2-yarn",
                                    "small-qwen3-bias",
                                    "small-qwen3-layers",
                                    "small-smollm3-list",
                                    "small-smollm3-window"};
const int golden_count = COUNT_OF(golden_names);

static void must(bool done, const Error *error) {
  if (done) return;
  fprintf(stderr, "%s: %s\n", error->where, error->message);
  exit(1);
}

static int32_t *ids_of(const json_t *document, const char *key, int64_t *count) {
  const json_t *array = json_object_get(document, key);
  *count = (int64_t)json_array_size(array);
  int32_t *ids = memory_allocate((size_t)*count * sizeof *ids);
  for (int64_t i = 0; i < *count; i++)
    ids[i] = (int32_t)json_integer_value(json_array_get(array, (size_t)i));
  return ids;
}

static void read_logits(Golden *golden) {
  Error error;
  FileMap map;
  Tensor logits;
  char *path = path_join(golden->path, "logits.npy");
  must(npy_open(&map, path, &logits, &error), &error);
  golden->vocabulary = logits.shape[1];
  size_t bytes = (size_t)tensor_elements(&logits) * sizeof(float);
  golden->logits = memory_allocate(bytes);
  memcpy(golden->logits, logits.data, bytes);
  file_map_close(&map);
  memory_free(path);
}

Golden golden_read(const char *name) {
  Golden golden = {.name = name, .path = path_join(GOLDEN_MODELS, name)};
  Error error;
  char *path = path_join(golden.path, "expected.json");
  json_t *document = document_read(path, 1 << 20, &error);
  must(document, &error);
  golden.ids = ids_of(document, "ids", &golden.prompt_length);
  golden.greedy = ids_of(document, "greedy", &golden.new_tokens);
  json_decref(document);
  memory_free(path);
  read_logits(&golden);
  return golden;
}

void golden_free(Golden *golden) {
  memory_free(golden->path);
  memory_free(golden->ids);
  memory_free(golden->greedy);
  memory_free(golden->logits);
}
