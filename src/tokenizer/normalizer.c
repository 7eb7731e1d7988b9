// SPDX-License-Identifier: Apache-2.0
#include "tokenizer/normalizer.h"
#include "base/array.h"
#include "tokenizer/byte_map.h"
#include "tokenizer/replacement.h"
#include "tokenizer/unicode.h"
#include "tokenizer/unicode_form.h"
#include <string.h>

#define SUPPORTED                                                                                  \
  "Sequence, NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, Replace, Prepend, Nmt, "        \
  "ByteLevel"

typedef enum {
  STEP_FORM,
  STEP_LOWERCASE,
  STEP_STRIP,
  STEP_STRIP_ACCENTS,
  STEP_REPLACE,
  STEP_PREPEND,
  STEP_NMT,
  STEP_BYTE_LEVEL
} StepKind;

typedef struct {
  StepKind kind;
  UnicodeForm form;
  bool left, right;        // Strip
  Replacement replacement; // Replace; its content is also what Prepend puts in front
} Step;

struct Normalizer {
  ARRAY_OF(Step) steps;
};

static const struct {
  const char *type;
  StepKind kind;
  UnicodeForm form;
} kinds[] = {
    {"NFC", STEP_FORM, FORM_NFC},
    {"NFD", STEP_FORM, FORM_NFD},
    {"NFKC", STEP_FORM, FORM_NFKC},
    {"NFKD", STEP_FORM, FORM_NFKD},
    {"Lowercase", STEP_LOWERCASE, 0},
    {"Strip", STEP_STRIP, 0},
    {"StripAccents", STEP_STRIP_ACCENTS, 0},
    {"Replace", STEP_REPLACE, 0},
    {"Prepend", STEP_PREPEND, 0},
    {"Nmt", STEP_NMT, 0},
    {"ByteLevel", STEP_BYTE_LEVEL, 0},
};

static bool read_fields(Step *step, const Field *component, Error *error) {
  Field left = field_get(component, "strip_left"), right = field_get(component, "strip_right");
  Field prepend = field_get(component, "prepend");
  Span text;
  switch (step->kind) {
  case STEP_STRIP:
    return field_boolean(&left, &step->left, error) && field_boolean(&right, &step->right, error);
  case STEP_REPLACE: return replacement_read(&step->replacement, component, error);
  case STEP_PREPEND:
    if (!component_span(&prepend, &text, error)) return false;
    text_append(&step->replacement.content, text.data, text.size);
    return true;
  default: return true;
  }
}

static bool add_step(void *context, const Field *component, const char *type, Error *error) {
  Normalizer *normalizer = context;
  for (size_t i = 0; i < COUNT_OF(kinds); i++) {
    if (strcmp(kinds[i].type, type) != 0) continue;
    ARRAY_APPEND(&normalizer->steps, ((Step){.kind = kinds[i].kind, .form = kinds[i].form}));
    return read_fields(&normalizer->steps.items[normalizer->steps.count - 1], component, error);
  }
  return component_refuse(component, type, SUPPORTED, error);
}

Normalizer *normalizer_open(const Field *field, Error *error) {
  Normalizer *normalizer = normalizer_new();
  if (component_walk(field, "normalizers", add_step, normalizer, error)) return normalizer;
  normalizer_close(normalizer);
  return NULL;
}

Normalizer *normalizer_new(void) {
  return memory_allocate(sizeof(Normalizer));
}

static Step *append(Normalizer *normalizer, StepKind kind) {
  ARRAY_APPEND(&normalizer->steps, ((Step){.kind = kind}));
  return &normalizer->steps.items[normalizer->steps.count - 1];
}

void normalizer_append_nfc(Normalizer *normalizer) {
  append(normalizer, STEP_FORM)->form = FORM_NFC;
}

void normalizer_append_prepend(Normalizer *normalizer, const char *text) {
  text_append_text(&append(normalizer, STEP_PREPEND)->replacement.content, text);
}

void normalizer_append_replace(Normalizer *normalizer, const char *text, const char *content) {
  Replacement *replacement = &append(normalizer, STEP_REPLACE)->replacement;
  text_append_text(&replacement->needle.literal, text);
  text_append_text(&replacement->content, content);
}

void normalizer_close(Normalizer *normalizer) {
  if (!normalizer) return;
  for (size_t i = 0; i < normalizer->steps.count; i++)
    replacement_close(&normalizer->steps.items[i].replacement);
  ARRAY_FREE(&normalizer->steps);
  memory_free(normalizer);
}

void normalizer_work_close(NormalizerWork *work) {
  text_free(&work->texts[0]);
  text_free(&work->texts[1]);
  memory_free(work->characters);
}

static void lowercase(Span text, Text *out) {
  size_t length;
  for (size_t at = 0; at < text.size; at += length) {
    uint32_t lower[2];
    size_t count = unicode_lower(utf8_decode(text.data + at, &length), lower);
    for (size_t i = 0; i < count; i++) utf8_append(out, lower[i]);
  }
}

static void strip(const Step *step, Span text, Text *out, bool *start_removed) {
  size_t begin = 0, end = text.size, length;
  while (step->left && begin < end && unicode_is_space(utf8_decode(text.data + begin, &length)))
    begin += length;
  while (step->right && end > begin &&
         unicode_is_space(utf8_decode_before(text.data, end, &length)))
    end -= length;
  if (begin) *start_removed = true;
  text_append(out, text.data + begin, end - begin);
}

#define DROPPED UINT32_MAX

// Copies what `keep` makes of each character, unless that is DROPPED.
static void filter(Span text, uint32_t (*keep)(uint32_t), Text *out, bool *start_removed) {
  size_t length;
  for (size_t at = 0; at < text.size; at += length) {
    uint32_t kept = keep(utf8_decode(text.data + at, &length));
    if (kept != DROPPED)
      utf8_append(out, kept);
    else if (at == 0)
      *start_removed = true;
  }
}

static uint32_t keep_unless_mark(uint32_t c) {
  return unicode_is_mark(c) ? DROPPED : c;
}

static uint32_t keep_nmt(uint32_t c) {
  if ((c >= 1 && c <= 8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F ||
      c == 0x9F)
    return DROPPED;
  if (c == 9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 || (c >= 0x200B && c <= 0x200F) ||
      c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == 0xFFFD)
    return ' ';
  return c;
}

static bool apply_step(const Step *step, NormalizerWork *work, Span text, size_t limit, Text *out,
                       bool *start_removed, Error *error) {
  switch (step->kind) {
  case STEP_FORM:
    return unicode_form_append(step->form, text, &work->characters, &work->capacity, out, error);
  case STEP_LOWERCASE: lowercase(text, out); return true;
  case STEP_STRIP: strip(step, text, out, start_removed); return true;
  case STEP_STRIP_ACCENTS: filter(text, keep_unless_mark, out, start_removed); return true;
  case STEP_REPLACE:
    return replacement_apply(&step->replacement, work->patterns, text, limit, out, start_removed,
                             error);
  case STEP_PREPEND:
    if (text.size) text_append(out, step->replacement.content.data, step->replacement.content.size);
    text_append(out, text.data, text.size);
    return true;
  case STEP_NMT: filter(text, keep_nmt, out, start_removed); return true;
  case STEP_BYTE_LEVEL: byte_map_encode(text, out); return true;
  }
  return true;
}

static bool is_ascii(Span text) {
  size_t at = 0;
  for (; at + 8 <= text.size; at += 8) {
    uint64_t word;
    memcpy(&word, text.data + at, 8);
    if (word & 0x8080808080808080u) return false;
  }
  for (; at < text.size; at++)
    if (text.data[at] & 0x80) return false;
  return true;
}

bool normalizer_apply(const Normalizer *normalizer, NormalizerWork *work, Span text, Span *result,
                      bool *start_kept, Error *error) {
  size_t limit = component_growth_limit(text.size);
  *result = text;
  for (size_t i = 0; i < normalizer->steps.count; i++) {
    const Step *step = &normalizer->steps.items[i];
    if (step->kind == STEP_FORM && is_ascii(*result)) continue;
    Text *out = &work->texts[result->data == work->texts[0].data ? 1 : 0];
    text_clear(out);
    bool start_removed = false;
    if (!apply_step(step, work, *result, limit, out, &start_removed, error)) return false;
    if (out->size > limit)
      return error_set(error, ERROR_FORMAT, NULL,
                       "the normalizer makes more than %zu bytes of a text of %zu bytes", limit,
                       text.size);
    if (start_removed) *start_kept = false;
    *result = text_span(out);
  }
  return true;
}
