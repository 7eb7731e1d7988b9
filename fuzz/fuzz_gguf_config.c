// SPDX-License-Identifier: Apache-2.0
// The metadata of any GGUF file is refused as a configuration, or gives one within its limits.
#include "model/gguf_config.h"
#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void use(const Gguf *gguf, Arena *arena) {
  Error error = {0}, none = {0};
  ModelConfig config;
  if (!gguf_config(gguf, "fuzz.gguf", arena, &config, &error)) {
    if (error.code == ERROR_NONE || !error.message[0]) abort();
    return;
  }
  if (!config_check(&config, "again", &none) || !isfinite(config.attention_scale) ||
      !isfinite(config.rope.attention_factor) || config_weights(&config) <= 0)
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  Gguf gguf = {0};
  Error error = {0};
  Arena *arena = arena_open(0);
  if (gguf_parse(&gguf, bytes, size, "fuzz.gguf", &error)) use(&gguf, arena);
  gguf_close(&gguf);
  arena_close(arena);
  return 0;
}
