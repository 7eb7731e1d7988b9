// SPDX-License-Identifier: Apache-2.0
#include "tokenizer/splitter.h"
#include "base/memory.h"
#include "tokenizer/unicode.h"

#define CHARACTERS 0x110000u

typedef enum { CLASS_OTHER, CLASS_LETTER, CLASS_NUMBER, CLASS_SPACE, CLASS_BREAK } Class;

struct Splitter {
  bool gpt2;
  size_t number_run; // most characters of a piece of numbers; 0: any
  unsigned char classes[CHARACTERS];
};

static Class class_of_category(UnicodeCategory category) {
  if (category >= CATEGORY_LU && category <= CATEGORY_LO) return CLASS_LETTER;
  return category >= CATEGORY_ND && category <= CATEGORY_NO ? CLASS_NUMBER : CLASS_OTHER;
}

static void fill_classes(unsigned char *classes) {
  for (size_t i = 0; i < unicode_category_starts_count; i++) {
    uint32_t end =
        i + 1 < unicode_category_starts_count ? unicode_category_starts[i + 1] >> 8 : CHARACTERS;
    Class class = class_of_category((UnicodeCategory)(unicode_category_starts[i] & 0xFF));
    if (class == CLASS_OTHER) continue;
    for (uint32_t c = unicode_category_starts[i] >> 8; c < end; c++)
      classes[c] = (unsigned char)class;
  }
  for (size_t i = 0; i < unicode_spaces_count; i++)
    for (uint32_t c = unicode_spaces[i].first; c <= unicode_spaces[i].last; c++)
      classes[c] = CLASS_SPACE;
  classes['\r'] = classes['\n'] = CLASS_BREAK;
}

Splitter *splitter_open(Span expression) {
  bool gpt2 = span_equal(expression, span_of(SPLITTER_GPT2));
  bool llama3 = span_equal(expression, span_of(SPLITTER_LLAMA3));
  if (!gpt2 && !llama3 && !span_equal(expression, span_of(SPLITTER_QWEN2))) return NULL;
  Splitter *splitter = memory_allocate(sizeof *splitter);
  splitter->gpt2 = gpt2;
  splitter->number_run = gpt2 ? 0 : llama3 ? 3 : 1;
  fill_classes(splitter->classes);
  return splitter;
}

void splitter_close(Splitter *splitter) {
  memory_free(splitter);
}

// The class of the character at `at` and where it ends.
static inline Class class_at(const Splitter *splitter, Span text, size_t at, size_t *end) {
  size_t length;
  Class class = splitter->classes[utf8_decode(text.data + at, &length)];
  *end = at + length;
  return class;
}

// The end of the run of one class from `at` on, of at most `most` characters (0: any number).
static inline size_t run_end(const Splitter *splitter, Span text, size_t at, Class class,
                             size_t most) {
  for (size_t count = 0, end; at < text.size && (most == 0 || count < most); count++, at = end)
    if (class_at(splitter, text, at, &end) != class) break;
  return at;
}

static char folded(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

// The size of 's 't 're 've 'm 'll 'd at `at`, or 0; in any case unless `exact`. U+017F folds to s.
static size_t contraction_size(Span text, size_t at, bool exact) {
  const char *p = text.data + at;
  size_t left = text.size - at;
  if (left < 2 || p[0] != '\'') return 0;
  char a = exact ? p[1] : folded(p[1]);
  if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
  if (left < 3) return 0;
  if (!exact && p[1] == '\xC5' && p[2] == '\xBF') return 3;
  char b = exact ? p[2] : folded(p[2]);
  return (b == 'e' && (a == 'r' || a == 'v')) || (a == 'l' && b == 'l') ? 3 : 0;
}

// White space that starts at `at`: up to its last line break where those count, else all but its
// last character when something follows, which goes to the next piece.
static size_t space_end(const Splitter *splitter, Span text, size_t at) {
  size_t last = at, after_break = 0, end = at, next;
  while (end < text.size) {
    Class class = class_at(splitter, text, end, &next);
    if (class != CLASS_SPACE && class != CLASS_BREAK) break;
    if (class == CLASS_BREAK) after_break = next;
    last = end;
    end = next;
  }
  if (after_break && !splitter->gpt2) return after_break;
  return end == text.size || last == at ? end : last;
}

// Characters that are neither letters, numbers nor white space, and the line breaks after them.
static size_t other_end(const Splitter *splitter, Span text, size_t at) {
  at = run_end(splitter, text, at, CLASS_OTHER, 0);
  return splitter->gpt2 ? at : run_end(splitter, text, at, CLASS_BREAK, 0);
}

// A run of one kind of character, after the space that GPT-2 lets go before any kind.
static size_t next_gpt2(const Splitter *splitter, Span text, size_t at, Class class, size_t end) {
  size_t start = at, next;
  if (text.data[at] == ' ' && end < text.size) {
    class = class_at(splitter, text, end, &next);
    start = end;
  }
  if (class == CLASS_SPACE || class == CLASS_BREAK) return space_end(splitter, text, at);
  return run_end(splitter, text, start, class, 0);
}

size_t splitter_next(const Splitter *splitter, Span text, size_t at) {
  size_t end, next;
  Class class = class_at(splitter, text, at, &end);
  size_t contraction = contraction_size(text, at, splitter->gpt2);
  if (contraction) return at + contraction;
  if (splitter->gpt2) return next_gpt2(splitter, text, at, class, end);
  if (class == CLASS_LETTER) return run_end(splitter, text, end, CLASS_LETTER, 0);
  if (class == CLASS_NUMBER) return run_end(splitter, text, at, CLASS_NUMBER, splitter->number_run);
  Class following = end < text.size ? class_at(splitter, text, end, &next) : CLASS_BREAK;
  if (class != CLASS_BREAK && following == CLASS_LETTER)
    return run_end(splitter, text, end, CLASS_LETTER, 0);
  if (class == CLASS_OTHER) return other_end(splitter, text, at);
  if (text.data[at] == ' ' && end < text.size && following == CLASS_OTHER)
    return other_end(splitter, text, end);
  return space_end(splitter, text, at);
}
