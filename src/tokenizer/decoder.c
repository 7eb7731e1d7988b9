// SPDX-License-Identifier: Apache-2.0
#include "tokenizer/decoder.h"
#include "tokenizer/byte_map.h"
#include "tokenizer/replacement.h"
#include "tokenizer/unicode.h"
#include <string.h>

#define SUPPORTED                                                                                  \
  "Sequence, ByteLevel, Replace, ByteFallback, Fuse, Strip, Metaspace, WordPiece, BPEDecoder"
#define REPLACEMENT "\xEF\xBF\xBD"

typedef enum {
  STEP_BYTE_LEVEL,
  STEP_REPLACE,
  STEP_BYTE_FALLBACK,
  STEP_FUSE,
  STEP_STRIP,
  STEP_METASPACE,
  STEP_WORD_PIECE,
  STEP_BPE
} StepKind;

typedef struct {
  StepKind kind;
  Replacement replacement; // Replace; its content is also Strip's character, Metaspace's mark,
                           // WordPiece's prefix and BPEDecoder's suffix
  size_t start, stop;      // Strip
  bool drop_first;         // Metaspace: marks of the first token vanish
  bool clean_up;           // WordPiece
} Step;

struct Decoder {
  ARRAY_OF(Step) steps;
};

static const struct {
  const char *type;
  StepKind kind;
} kinds[] = {
    {"ByteLevel", STEP_BYTE_LEVEL},
    {"Replace", STEP_REPLACE},
    {"ByteFallback", STEP_BYTE_FALLBACK},
    {"Fuse", STEP_FUSE},
    {"Strip", STEP_STRIP},
    {"Metaspace", STEP_METASPACE},
    {"WordPiece", STEP_WORD_PIECE},
    {"BPEDecoder", STEP_BPE},
};

static bool read_content(Step *step, const Field *component, const char *name, const char *preset,
                         Error *error) {
  Field field = field_get(component, name);
  Span text = preset ? span_of(preset) : (Span){0};
  if ((!preset || field_present(&field)) && !component_span(&field, &text, error)) return false;
  text_append(&step->replacement.content, text.data, text.size);
  return true;
}

static bool read_strip(Step *step, const Field *component, Error *error) {
  Field start = field_get(component, "start"), stop = field_get(component, "stop");
  int64_t count[2];
  if (!read_content(step, component, "content", NULL, error) ||
      !field_integer(&start, 0, INT32_MAX, &count[0], error) ||
      !field_integer(&stop, 0, INT32_MAX, &count[1], error))
    return false;
  step->start = (size_t)count[0];
  step->stop = (size_t)count[1];
  return true;
}

static bool read_metaspace(Step *step, const Field *component, Error *error) {
  Field field = field_get(component, "prepend_scheme");
  Field legacy = field_get(component, "add_prefix_space");
  const char *scheme = "always";
  bool prefix = true;
  if (!field_text_or(&field, &scheme, error) || !field_boolean_or(&legacy, &prefix, error))
    return false;
  step->drop_first = strcmp(scheme, "never") != 0 && (prefix || field_present(&field));
  return read_content(step, component, "replacement", "\xE2\x96\x81", error);
}

static bool read_fields(Step *step, const Field *component, Error *error) {
  Field clean_up = field_get(component, "cleanup");
  switch (step->kind) {
  case STEP_REPLACE: return replacement_read(&step->replacement, component, error);
  case STEP_STRIP: return read_strip(step, component, error);
  case STEP_METASPACE: return read_metaspace(step, component, error);
  case STEP_WORD_PIECE:
    step->clean_up = true;
    return read_content(step, component, "prefix", "##", error) &&
           field_boolean_or(&clean_up, &step->clean_up, error);
  case STEP_BPE: return read_content(step, component, "suffix", "</w>", error);
  case STEP_BYTE_LEVEL:
  case STEP_BYTE_FALLBACK:
  case STEP_FUSE: return true;
  }
  return true;
}

static Step *append(Decoder *decoder, StepKind kind) {
  ARRAY_APPEND(&decoder->steps, ((Step){.kind = kind}));
  return &decoder->steps.items[decoder->steps.count - 1];
}

static bool add_step(void *context, const Field *component, const char *type, Error *error) {
  for (size_t i = 0; i < COUNT_OF(kinds); i++)
    if (!strcmp(kinds[i].type, type))
      return read_fields(append(context, kinds[i].kind), component, error);
  return component_refuse(component, type, SUPPORTED, error);
}

Decoder *decoder_open(const Field *field, Error *error) {
  Decoder *decoder = memory_allocate(sizeof *decoder);
  if (component_walk(field, "decoders", add_step, decoder, error)) return decoder;
  decoder_close(decoder);
  return NULL;
}

Decoder *decoder_new_byte_level(void) {
  Decoder *decoder = memory_allocate(sizeof *decoder);
  append(decoder, STEP_BYTE_LEVEL);
  return decoder;
}

Decoder *decoder_new_sentence_piece(bool strip_space) {
  Decoder *decoder = memory_allocate(sizeof *decoder);
  Step *replace = append(decoder, STEP_REPLACE);
  text_append_text(&replace->replacement.needle.literal, "\xE2\x96\x81");
  text_append_text(&replace->replacement.content, " ");
  append(decoder, STEP_BYTE_FALLBACK);
  append(decoder, STEP_FUSE);
  if (strip_space) {
    Step *strip = append(decoder, STEP_STRIP);
    text_append_text(&strip->replacement.content, " ");
    strip->start = 1;
  }
  return decoder;
}

void decoder_close(Decoder *decoder) {
  if (!decoder) return;
  for (size_t i = 0; i < decoder->steps.count; i++)
    replacement_close(&decoder->steps.items[i].replacement);
  ARRAY_FREE(&decoder->steps);
  memory_free(decoder);
}

bool decoder_is_byte_level(const Decoder *decoder) {
  return decoder->steps.count == 1 && decoder->steps.items[0].kind == STEP_BYTE_LEVEL;
}

static void join_bytes(const TokenTexts *texts, TokenTexts *out) {
  Text bytes = {0};
  for (size_t i = 0; i < texts->ends.count; i++) byte_map_decode(token_texts_at(texts, i), &bytes);
  utf8_repair(text_span(&bytes), &out->bytes);
  text_free(&bytes);
  token_texts_end(out);
}

static bool replace(const Step *step, PatternWork *patterns, const TokenTexts *texts, size_t limit,
                    TokenTexts *out, Error *error) {
  for (size_t i = 0; i < texts->ends.count; i++) {
    bool start_removed = false;
    if (!replacement_apply(&step->replacement, patterns, token_texts_at(texts, i), limit,
                           &out->bytes, &start_removed, error))
      return false;
    token_texts_end(out);
    if (out->bytes.size > limit)
      return error_set(error, ERROR_FORMAT, NULL, "the decoder makes more than %zu bytes", limit);
  }
  return true;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// The byte of a token "<0xHH>", or -1.
static int byte_token(Span text) {
  if (text.size != 6 || memcmp(text.data, "<0x", 3) != 0 || text.data[5] != '>') return -1;
  int high = hex_digit(text.data[3]), low = hex_digit(text.data[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

// A run that is valid UTF-8 is one text, else each of its bytes is a U+FFFD.
static void end_byte_run(Text *run, TokenTexts *out) {
  if (run->size == 0) return;
  if (utf8_valid_prefix(text_span(run)) == run->size)
    token_texts_append(out, text_span(run));
  else
    for (size_t i = 0; i < run->size; i++) token_texts_append(out, span_of(REPLACEMENT));
  text_clear(run);
}

static void byte_fallback(const TokenTexts *texts, TokenTexts *out) {
  Text run = {0};
  for (size_t i = 0; i < texts->ends.count; i++) {
    Span text = token_texts_at(texts, i);
    int byte = byte_token(text);
    if (byte >= 0) {
      text_append_character(&run, (char)byte);
      continue;
    }
    end_byte_run(&run, out);
    token_texts_append(out, text);
  }
  end_byte_run(&run, out);
  text_free(&run);
}

static void fuse(const TokenTexts *texts, TokenTexts *out) {
  text_append(&out->bytes, texts->bytes.data, texts->bytes.size);
  token_texts_end(out);
}

static void strip(const Step *step, const TokenTexts *texts, TokenTexts *out) {
  Span mark = text_span(&step->replacement.content);
  for (size_t i = 0; i < texts->ends.count; i++) {
    Span text = token_texts_at(texts, i);
    for (size_t n = 0; n < step->start && mark.size && span_starts_with(text, mark); n++) {
      text.data += mark.size;
      text.size -= mark.size;
    }
    for (size_t n = 0; n < step->stop && mark.size && text.size >= mark.size; n++) {
      if (memcmp(text.data + text.size - mark.size, mark.data, mark.size) != 0) break;
      text.size -= mark.size;
    }
    token_texts_append(out, text);
  }
}

// Appends text with each `what` replaced.
static void substitute(Span text, Span what, const char *with, Text *out) {
  const char *found;
  while (what.size && (found = memmem(text.data, text.size, what.data, what.size))) {
    size_t before = (size_t)(found - text.data);
    text_append(out, text.data, before);
    text_append_text(out, with);
    text.data += before + what.size;
    text.size -= before + what.size;
  }
  text_append(out, text.data, text.size);
}

static void metaspace(const Step *step, const TokenTexts *texts, TokenTexts *out) {
  Span mark = text_span(&step->replacement.content);
  for (size_t i = 0; i < texts->ends.count; i++) {
    bool drop = i == 0 && step->drop_first;
    substitute(token_texts_at(texts, i), mark, drop ? "" : " ", &out->bytes);
    token_texts_end(out);
  }
}

static void clean_up(Text *text) {
  static const char *const rules[][2] = {{" .", "."},     {" ?", "?"},           {" !", "!"},
                                         {" ,", ","},     {" ' ", "'"},          {" n't", "n't"},
                                         {" 'm", "'m"},   {" do not", " don't"}, {" 's", "'s"},
                                         {" 've", "'ve"}, {" 're", "'re"}};
  for (size_t i = 0; i < COUNT_OF(rules); i++) {
    if (!text->size || !memmem(text->data, text->size, rules[i][0], strlen(rules[i][0]))) continue;
    Text changed = {0};
    substitute(text_span(text), span_of(rules[i][0]), rules[i][1], &changed);
    text_free(text);
    *text = changed;
  }
}

static void word_piece(const Step *step, const TokenTexts *texts, TokenTexts *out) {
  Span prefix = text_span(&step->replacement.content);
  for (size_t i = 0; i < texts->ends.count; i++) {
    Span text = token_texts_at(texts, i);
    Text word = {0};
    if (i && span_starts_with(text, prefix)) {
      text.data += prefix.size;
      text.size -= prefix.size;
    } else if (i)
      text_append_character(&word, ' ');
    text_append(&word, text.data, text.size);
    if (step->clean_up) clean_up(&word);
    token_texts_append(out, text_span(&word));
    text_free(&word);
  }
}

static void bpe_suffix(const Step *step, const TokenTexts *texts, TokenTexts *out) {
  Span suffix = text_span(&step->replacement.content);
  for (size_t i = 0; i < texts->ends.count; i++) {
    bool last = i + 1 == texts->ends.count;
    substitute(token_texts_at(texts, i), suffix, last ? "" : " ", &out->bytes);
    token_texts_end(out);
  }
}

static bool apply_step(const Step *step, PatternWork *patterns, const TokenTexts *texts,
                       size_t limit, TokenTexts *out, Error *error) {
  switch (step->kind) {
  case STEP_BYTE_LEVEL: join_bytes(texts, out); return true;
  case STEP_REPLACE: return replace(step, patterns, texts, limit, out, error);
  case STEP_BYTE_FALLBACK: byte_fallback(texts, out); return true;
  case STEP_FUSE: fuse(texts, out); return true;
  case STEP_STRIP: strip(step, texts, out); return true;
  case STEP_METASPACE: metaspace(step, texts, out); return true;
  case STEP_WORD_PIECE: word_piece(step, texts, out); return true;
  case STEP_BPE: bpe_suffix(step, texts, out); return true;
  }
  return true;
}

bool decoder_apply(const Decoder *decoder, PatternWork *patterns, TokenTexts *texts,
                   TokenTexts *scratch, Text *out, Error *error) {
  size_t limit = component_growth_limit(texts->bytes.size);
  for (size_t i = 0; i < decoder->steps.count; i++) {
    token_texts_clear(scratch);
    if (!apply_step(&decoder->steps.items[i], patterns, texts, limit, scratch, error)) return false;
    if (scratch->bytes.size > limit)
      return error_set(error, ERROR_FORMAT, NULL, "the decoder makes more than %zu bytes", limit);
    TokenTexts swap = *texts;
    *texts = *scratch;
    *scratch = swap;
  }
  for (size_t i = 0; i < texts->ends.count; i++) {
    Span text = token_texts_at(texts, i);
    if (i && !decoder->steps.count) text_append_character(out, ' ');
    text_append(out, text.data, text.size);
  }
  return true;
}
