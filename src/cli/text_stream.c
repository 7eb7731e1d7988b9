// SPDX-License-Identifier: Apache-2.0
#include "cli/text_stream.h"
#include <string.h>

enum { CONTEXT_IDS = 8 };

TextStream text_stream_open(const Tokenizer *tokenizer, bool skip_special, const int32_t *context,
                            size_t count) {
  TextStream stream = {
      .tokenizer = tokenizer, .state = tokenizer_state_open(), .skip_special = skip_special};
  size_t first = count > CONTEXT_IDS ? count - CONTEXT_IDS : 0;
  for (size_t i = first; i < count; i++) ARRAY_APPEND(&stream.window, context[i]);
  stream.emitted = stream.window.count;
  return stream;
}

void text_stream_close(TextStream *stream) {
  tokenizer_state_close(stream->state);
  ARRAY_FREE(&stream->window);
  *stream = (TextStream){0};
}

static bool ends_incomplete(const Text *text) {
  static const char replacement[] = "\xEF\xBF\xBD";
  return text->size >= 3 && memcmp(text->data + text->size - 3, replacement, 3) == 0;
}

// Bytes that both begin with, cut back to the beginning of a character.
static size_t common_prefix(const Text *a, const Text *b) {
  size_t size = 0;
  while (size < a->size && size < b->size && a->data[size] == b->data[size]) size++;
  while (size > 0 && size < b->size && ((unsigned char)b->data[size] & 0xC0) == 0x80) size--;
  return size;
}

// The emitted ids stay as context until there are many of them.
static void advance(TextStream *stream) {
  TokenIds *window = &stream->window;
  stream->emitted = window->count;
  if (window->count < 4 * CONTEXT_IDS) return;
  memmove(window->items, window->items + window->count - CONTEXT_IDS,
          CONTEXT_IDS * sizeof *window->items);
  stream->emitted = window->count = CONTEXT_IDS;
}

static bool emit(TextStream *stream, bool finish, Text *text, Error *error) {
  Text before = {0}, after = {0};
  const int32_t *ids = stream->window.items;
  bool done = tokenizer_decode(stream->tokenizer, stream->state, ids, stream->emitted,
                               stream->skip_special, &before, error) &&
              tokenizer_decode(stream->tokenizer, stream->state, ids, stream->window.count,
                               stream->skip_special, &after, error);
  if (done && (finish || !ends_incomplete(&after))) {
    size_t known = common_prefix(&before, &after);
    text_append(text, text_span(&after).data + known, after.size - known);
    advance(stream);
  }
  text_free(&before);
  text_free(&after);
  return done;
}

bool text_stream_push(TextStream *stream, int32_t id, Text *text, Error *error) {
  ARRAY_APPEND(&stream->window, id);
  return emit(stream, false, text, error);
}

bool text_stream_finish(TextStream *stream, Text *text, Error *error) {
  return stream->emitted == stream->window.count || emit(stream, true, text, error);
}
