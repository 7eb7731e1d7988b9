// SPDX-License-Identifier: Apache-2.0
// A bare command for comparisons with other libraries: one JSON string per input line, one JSON
// array of ids per output line; with --decode the reverse. --time reads the whole input as text
// instead, encodes it three times line group by line group and prints the load time and the best
// rate.
//
//   tokenize_lines FILE [--no-special-tokens] [--decode] [--time]
#include "base/clock.h"
#include "tokenizer/tokenizer_gguf.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void stop(const Error *error) {
  char buffer[1024];
  fprintf(stderr, "tokenize_lines: %s\n", error_text(error, buffer, sizeof buffer));
  exit(error_exit_code(error->code));
}

static Tokenizer *open_any(const char *path, Error *error) {
  size_t size = strlen(path);
  if (size < 5 || strcmp(path + size - 5, ".gguf") != 0) return tokenizer_open_file(path, error);
  Gguf gguf = {0};
  if (!gguf_open(&gguf, path, error)) return NULL;
  Tokenizer *tokenizer = tokenizer_open_gguf(&gguf, error);
  gguf_close(&gguf);
  return tokenizer;
}

static void encode_line(const Tokenizer *tokenizer, TokenizerState *state, const json_t *line,
                        const TokenizerOptions *options) {
  Error error;
  TokenIds ids = {0};
  if (!tokenizer_encode(tokenizer, state, json_string_value(line), json_string_length(line),
                        options, &ids, &error))
    stop(&error);
  printf("[");
  for (size_t i = 0; i < ids.count; i++) printf("%s%d", i ? ", " : "", ids.items[i]);
  printf("]\n");
  ARRAY_FREE(&ids);
}

static void decode_line(const Tokenizer *tokenizer, TokenizerState *state, const json_t *line,
                        const TokenizerOptions *options) {
  Error error;
  TokenIds ids = {0};
  size_t index;
  json_t *value;
  json_array_foreach((json_t *)line, index, value)
      ARRAY_APPEND(&ids, (int32_t)json_integer_value(value));
  Text text = {0};
  if (!tokenizer_decode(tokenizer, state, ids.items, ids.count, !options->add_special_tokens, &text,
                        &error))
    stop(&error);
  json_t *string = json_stringn(text_span(&text).data, text.size);
  char *dump = json_dumps(string, JSON_ENCODE_ANY);
  puts(dump);
  free(dump);
  json_decref(string);
  text_free(&text);
  ARRAY_FREE(&ids);
}

static void time_input(const Tokenizer *tokenizer, TokenizerState *state, int64_t load) {
  Text input = {0};
  char block[65536];
  for (size_t size; (size = fread(block, 1, sizeof block, stdin)) > 0;)
    text_append(&input, block, size);
  double best = 0;
  size_t count = 0;
  for (int round = 0; round < 3; round++) {
    TokenIds ids = {0};
    Error error;
    int64_t begin = clock_now();
    for (size_t at = 0; at < input.size; at += 10000) {
      size_t size = input.size - at < 10000 ? input.size - at : 10000;
      if (!tokenizer_encode(tokenizer, state, input.data + at, size, NULL, &ids, &error))
        stop(&error);
    }
    double rate = (double)input.size / clock_seconds(clock_now() - begin) * 1e-6;
    if (rate > best) best = rate;
    count = ids.count;
    ARRAY_FREE(&ids);
  }
  printf("{\"load_ms\": %.1f, \"mb_per_s\": %.2f, \"ids\": %zu}\n", clock_seconds(load) * 1e3, best,
         count);
  text_free(&input);
}

int main(int count, char **arguments) {
  TokenizerOptions options = TOKENIZER_OPTIONS;
  bool decode = false, timed = false;
  for (int i = 2; i < count; i++) {
    if (!strcmp(arguments[i], "--no-special-tokens")) options.add_special_tokens = false;
    if (!strcmp(arguments[i], "--decode")) decode = true;
    if (!strcmp(arguments[i], "--time")) timed = true;
  }
  Error error;
  int64_t begin = clock_now();
  Tokenizer *tokenizer = count > 1 ? open_any(arguments[1], &error) : NULL;
  if (!tokenizer) stop(&error);
  int64_t load = clock_now() - begin;
  TokenizerState *state = tokenizer_state_open();
  char *line = NULL;
  size_t capacity = 0;
  if (timed) time_input(tokenizer, state, load);
  for (ssize_t size; !timed && (size = getline(&line, &capacity, stdin)) > 0;) {
    json_t *value = json_loadb(line, (size_t)size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    if (decode)
      decode_line(tokenizer, state, value, &options);
    else
      encode_line(tokenizer, state, value, &options);
    json_decref(value);
  }
  free(line);
  tokenizer_state_close(state);
  tokenizer_close(tokenizer);
  return 0;
}
