// SPDX-License-Identifier: Apache-2.0
// The window holds the ids of the last emission and those after it. Its text is compared with what
// the part already emitted decodes to on its own; a text that ends in U+FFFD waits.
#include "tokenizer/decode_stream.h"
#include <string.h>

// A character takes at most 4 bytes, so that more ids than this without a certain text are not an
// incomplete character; the held text is then given out.
#define HELD_LIMIT 16

void decode_stream_close(DecodeStream *stream) {
  ARRAY_FREE(&stream->window);
  text_free(&stream->text);
}

static bool ends_in_replacement(const Text *text) {
  return text->size >= 3 && !memcmp(text->data + text->size - 3, "\xEF\xBF\xBD", 3);
}

static bool decode_window(DecodeStream *stream, const Tokenizer *tokenizer, TokenizerState *state,
                          Error *error) {
  text_clear(&stream->text);
  return tokenizer_decode(tokenizer, state, stream->window.items, stream->window.count,
                          stream->skip_special_tokens, &stream->text, error);
}

// The ids that were read leave the window; what the rest decodes to on its own counts as given.
static bool advance(DecodeStream *stream, const Tokenizer *tokenizer, TokenizerState *state,
                    Error *error) {
  size_t kept = stream->window.count - stream->read;
  memmove(stream->window.items, stream->window.items + stream->read,
          kept * sizeof *stream->window.items);
  stream->window.count = stream->read = kept;
  if (!decode_window(stream, tokenizer, state, error)) return false;
  stream->given = stream->text.size;
  return true;
}

static bool give(DecodeStream *stream, Text *text) {
  if (stream->text.size <= stream->given) return false;
  text_append(text, stream->text.data + stream->given, stream->text.size - stream->given);
  return true;
}

bool decode_stream_step(DecodeStream *stream, const Tokenizer *tokenizer, TokenizerState *state,
                        int32_t id, Text *text, Error *error) {
  ARRAY_APPEND(&stream->window, id);
  if (!decode_window(stream, tokenizer, state, error)) return false;
  bool held_too_long = stream->window.count - stream->read > HELD_LIMIT;
  if (ends_in_replacement(&stream->text) && !held_too_long) return true;
  if (!give(stream, text) && !held_too_long) return true;
  return advance(stream, tokenizer, state, error);
}

bool decode_stream_finish(DecodeStream *stream, const Tokenizer *tokenizer, TokenizerState *state,
                          Text *text, Error *error) {
  if (!decode_window(stream, tokenizer, state, error)) return false;
  (void)give(stream, text);
  stream->window.count = stream->read = stream->given = 0;
  return true;
}
