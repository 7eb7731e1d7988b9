// SPDX-License-Identifier: Apache-2.0
#include "bench/prompt.h"
#include "base/random.h"
#include "base/text.h"
#include "bench/prompt_text.h"
#include <inttypes.h>

enum { PROMPT_SEED = 20240229, TEXT_LIMIT = 200 << 20 };

static void append_prose(Text *text) {
  for (size_t i = 0; i < prompt_paragraph_count; i++) {
    if (i) text_append_text(text, "\n\n");
    text_append_text(text, prompt_paragraphs[i]);
  }
}

// How often the text must stand there for `length` ids, judged by what `copies` of it gave.
static int64_t copies_for(int64_t length, int64_t copies, size_t count) {
  if (count == 0) return copies * 2;
  int64_t wanted = copies * (length / (int64_t)count + 1);
  return wanted > copies ? wanted : copies * 2;
}

// Encodes `copies` of the text, joined by spaces.
static bool encode_copies(PromptEncoder *encoder, void *context, int64_t copies, TokenIds *ids,
                          Error *error) {
  Text text = {0};
  for (int64_t i = 0; i < copies && text.size < TEXT_LIMIT; i++) {
    if (i) text_append_character(&text, ' ');
    append_prose(&text);
  }
  ids->count = 0;
  bool done = encoder(context, text.data, text.size, ids, error);
  text_free(&text);
  return done;
}

bool prompt_encode(PromptEncoder *encoder, void *context, int64_t length, TokenIds *ids,
                   Error *error) {
  int64_t copies = 1, most = TEXT_LIMIT / 4096;
  for (;;) {
    if (!encode_copies(encoder, context, copies, ids, error)) return false;
    if ((int64_t)ids->count >= length) break;
    copies = copies_for(length, copies, ids->count);
    if (copies > most)
      return error_set(error, ERROR_ARGUMENT, "--sequence-length",
                       "the text gives %zu tokens at %" PRId64 " repetitions, expected %" PRId64,
                       ids->count, copies, length);
  }
  ids->count = (size_t)length;
  return true;
}

void prompt_draw(int64_t vocabulary, int64_t length, TokenIds *ids) {
  Random random = random_seeded(PROMPT_SEED);
  ids->count = 0;
  for (int64_t i = 0; i < length; i++)
    ARRAY_APPEND(ids, (int32_t)random_below(&random, (uint64_t)vocabulary));
}
