// SPDX-License-Identifier: Apache-2.0
#include "tokenizer/unicode_form.h"
#include "base/array.h"
#include "tokenizer/unicode.h"
#include <utf8proc.h>

static utf8proc_option_t form_options(UnicodeForm form) {
  switch (form) {
  case FORM_NFC: return UTF8PROC_STABLE | UTF8PROC_COMPOSE;
  case FORM_NFD: return UTF8PROC_STABLE | UTF8PROC_DECOMPOSE;
  case FORM_NFKC: return UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT;
  default: return UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT;
  }
}

// A character that its form keeps and that starts anew: nothing before it combines with it.
static bool is_plain(UnicodeForm form, uint32_t c) {
  if (c < 0x80) return true;
  if (form == FORM_NFC && (c < 0x300 || (c >= 0x3400 && c <= 0x9FFF) || (c >= 0x400 && c < 0x483)))
    return true;
  return false;
}

#define MOST_OF_ONE 32 // characters that one character decomposes into, with room to spare

// Characters with room for twice as many as are in use, the second half for sorting.
typedef struct {
  int32_t *items;
  size_t count, capacity;
} Characters;

static void reserve(Characters *characters, size_t count) {
  if (2 * count <= characters->capacity) return;
  characters->capacity = array_capacity(characters->capacity, 2 * count);
  characters->items =
      memory_resize(characters->items, characters->capacity * sizeof *characters->items);
}

static unsigned combining_class(int32_t character) {
  return (unsigned)utf8proc_get_property(character)->combining_class & 0xFF;
}

// Stable, by counting: a run of marks may be as long as the text.
static void sort_marks(const int32_t *marks, size_t count, int32_t *sorted) {
  size_t starts[257] = {0};
  for (size_t i = 0; i < count; i++) starts[combining_class(marks[i]) + 1]++;
  for (size_t i = 1; i < 257; i++) starts[i] += starts[i - 1];
  for (size_t i = 0; i < count; i++) sorted[starts[combining_class(marks[i])]++] = marks[i];
}

// Canonical ordering: each run of marks by combining class.
static void order_marks(Characters *characters) {
  int32_t *items = characters->items, *scratch = items + characters->count;
  for (size_t at = 0; at < characters->count; at++) {
    unsigned class = combining_class(items[at]), previous = class;
    if (class == 0) continue;
    size_t begin = at;
    bool ordered = true;
    for (; at < characters->count && (class = combining_class(items[at])) != 0; at++) {
      if (class < previous) ordered = false;
      previous = class;
    }
    if (ordered) continue;
    sort_marks(items + begin, at - begin, scratch);
    for (size_t i = 0; i < at - begin; i++) items[begin + i] = scratch[i];
  }
}

static bool append_run(UnicodeForm form, Span run, Characters *characters, Text *out,
                       Error *error) {
  utf8proc_option_t options = form_options(form);
  characters->count = 0;
  size_t length;
  for (size_t at = 0; at < run.size; at += length) {
    reserve(characters, characters->count + MOST_OF_ONE);
    int bound = UTF8PROC_BOUNDCLASS_START;
    int32_t c = (int32_t)utf8_decode(run.data + at, &length);
    utf8proc_ssize_t made = utf8proc_decompose_char(c, characters->items + characters->count,
                                                    MOST_OF_ONE, options, &bound);
    if (made < 0 || made > MOST_OF_ONE)
      return error_set(error, ERROR_FORMAT, NULL, "Unicode normalization fails for U+%04X",
                       (unsigned)c);
    characters->count += (size_t)made;
  }
  order_marks(characters);
  utf8proc_ssize_t count = (utf8proc_ssize_t)characters->count;
  if (count) count = utf8proc_normalize_utf32(characters->items, count, options);
  for (utf8proc_ssize_t i = 0; i < count; i++) utf8_append(out, (uint32_t)characters->items[i]);
  return true;
}

bool unicode_form_append(UnicodeForm form, Span text, int32_t **buffer, size_t *capacity, Text *out,
                         Error *error) {
  // Plain runs are copied; the rest goes to utf8proc from the last plain character before it to
  // the next plain one; a foreign character is copied and nothing combines across it.
  Characters characters = {.items = *buffer, .capacity = *capacity};
  size_t copied = 0, previous = 0, at = 0;
  bool done = true;
  while (done && at < text.size) {
    size_t length;
    uint32_t c = utf8_decode(text.data + at, &length);
    if (is_plain(form, c) || unicode_is_unnormalized(c)) {
      previous = unicode_is_unnormalized(c) ? at + length : at;
      at += length;
      continue;
    }
    text_append(out, text.data + copied, previous - copied);
    while (at < text.size) {
      c = utf8_decode(text.data + at, &length);
      if (is_plain(form, c) || unicode_is_unnormalized(c)) break;
      at += length;
    }
    Span run = {text.data + previous, at - previous};
    done = append_run(form, run, &characters, out, error);
    copied = previous = at;
  }
  if (done) text_append(out, text.data + copied, text.size - copied);
  *buffer = characters.items;
  *capacity = characters.capacity;
  return done;
}
