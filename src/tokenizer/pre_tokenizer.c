// SPDX-License-Identifier: Apache-2.0
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/byte_map.h"
#include "tokenizer/replacement.h"
#include "tokenizer/splitter.h"
#include "tokenizer/unicode.h"
#include <string.h>

#define SUPPORTED                                                                                  \
  "Sequence, ByteLevel, Split, Metaspace, Digits, Punctuation, Whitespace, WhitespaceSplit, "      \
  "CharDelimiterSplit, FixedLength"
typedef enum {
  STEP_BYTE_LEVEL,
  STEP_SPLIT,
  STEP_METASPACE,
  STEP_DIGITS,
  STEP_PUNCTUATION,
  STEP_WHITESPACE,
  STEP_WHITESPACE_SPLIT,
  STEP_DELIMITER,
  STEP_FIXED_LENGTH
} StepKind;

typedef enum { PREPEND_ALWAYS, PREPEND_FIRST, PREPEND_NEVER } PrependScheme;

typedef struct {
  StepKind kind;
  Needle needle;      // Split, ByteLevel with its expression, Metaspace, delimiter
  Splitter *splitter; // Split or ByteLevel by a well-known expression, instead of the needle
  SplitBehavior behavior;
  bool invert;
  bool add_prefix_space; // ByteLevel
  bool leave_bytes;      // ByteLevel, last step: the model maps them
  bool split;            // Metaspace, ByteLevel
  PrependScheme scheme;  // Metaspace
  size_t length;         // FixedLength
} Step;

struct PreTokenizer {
  ARRAY_OF(Step) steps;
};

static const struct {
  const char *type;
  StepKind kind;
} kinds[] = {
    {"ByteLevel", STEP_BYTE_LEVEL},
    {"Split", STEP_SPLIT},
    {"Metaspace", STEP_METASPACE},
    {"Digits", STEP_DIGITS},
    {"Punctuation", STEP_PUNCTUATION},
    {"Whitespace", STEP_WHITESPACE},
    {"WhitespaceSplit", STEP_WHITESPACE_SPLIT},
    {"CharDelimiterSplit", STEP_DELIMITER},
    {"FixedLength", STEP_FIXED_LENGTH},
};

static const struct {
  const char *name;
  SplitBehavior behavior;
} behaviors[] = {
    {"Removed", SPLIT_REMOVED},
    {"Isolated", SPLIT_ISOLATED},
    {"MergedWithPrevious", SPLIT_MERGED_WITH_PREVIOUS},
    {"MergedWithNext", SPLIT_MERGED_WITH_NEXT},
    {"Contiguous", SPLIT_CONTIGUOUS},
};

static bool read_behavior(Step *step, const Field *component, const char *preset, Error *error) {
  Field field = field_get(component, "behavior");
  const char *name = preset;
  if (preset ? !field_text_or(&field, &name, error) : !field_text(&field, &name, error))
    return false;
  for (size_t i = 0; i < COUNT_OF(behaviors); i++) {
    if (strcmp(behaviors[i].name, name) != 0) continue;
    step->behavior = behaviors[i].behavior;
    return true;
  }
  return error_set(error, ERROR_FORMAT, field.path,
                   "is \"%.40s\", expected Removed, Isolated, MergedWithPrevious, MergedWithNext "
                   "or Contiguous",
                   name);
}

static bool set_expression(Step *step, const char *expression, Error *error) {
  step->splitter = splitter_open(span_of(expression));
  if (!step->splitter)
    step->needle.pattern = pattern_open(span_of(expression), "built-in expression", error);
  return step->splitter || step->needle.pattern;
}

static bool read_byte_level(Step *step, const Field *component, Error *error) {
  Field prefix = field_get(component, "add_prefix_space");
  Field regex = field_get(component, "use_regex");
  step->add_prefix_space = step->split = true;
  step->behavior = SPLIT_ISOLATED;
  return field_boolean_or(&prefix, &step->add_prefix_space, error) &&
         field_boolean_or(&regex, &step->split, error) &&
         (!step->split || set_expression(step, SPLITTER_GPT2, error));
}

static bool read_scheme(Step *step, const Field *component, Error *error) {
  Field field = field_get(component, "prepend_scheme");
  Field legacy = field_get(component, "add_prefix_space");
  const char *name = "always";
  bool prefix = true;
  if (!field_text_or(&field, &name, error) || !field_boolean_or(&legacy, &prefix, error))
    return false;
  if (!prefix && !field_present(&field)) name = "never";
  if (!strcmp(name, "always"))
    step->scheme = PREPEND_ALWAYS;
  else if (!strcmp(name, "first"))
    step->scheme = PREPEND_FIRST;
  else if (!strcmp(name, "never"))
    step->scheme = PREPEND_NEVER;
  else
    return error_set(error, ERROR_FORMAT, field.path,
                     "is \"%.40s\", expected always, first or never", name);
  return true;
}

static bool read_metaspace(Step *step, const Field *component, Error *error) {
  Field replacement = field_get(component, "replacement"), split = field_get(component, "split");
  Span mark;
  step->split = true;
  step->behavior = SPLIT_MERGED_WITH_NEXT;
  if (!component_character(&replacement, &mark, error)) return false;
  text_append(&step->needle.literal, mark.data, mark.size);
  return field_boolean_or(&split, &step->split, error) && read_scheme(step, component, error);
}

static bool read_digits(Step *step, const Field *component, Error *error) {
  Field field = field_get(component, "individual_digits");
  bool individual = false;
  if (!field_boolean_or(&field, &individual, error)) return false;
  step->behavior = individual ? SPLIT_ISOLATED : SPLIT_CONTIGUOUS;
  return true;
}

static bool read_split(Step *step, const Field *component, Error *error) {
  Field pattern = field_get(component, "pattern"), invert = field_get(component, "invert");
  Field regex = field_get(&pattern, "Regex");
  Span expression = {0};
  if (!read_behavior(step, component, NULL, error) ||
      !field_boolean_or(&invert, &step->invert, error))
    return false;
  if (step->behavior == SPLIT_ISOLATED && field_present(&regex)) {
    if (!component_span(&regex, &expression, error)) return false;
    step->splitter = splitter_open(expression);
  }
  return step->splitter || needle_read(&step->needle, &pattern, error);
}

static bool read_delimiter(Step *step, const Field *component, Error *error) {
  Field field = field_get(component, "delimiter");
  Span delimiter;
  if (!component_character(&field, &delimiter, error)) return false;
  text_append(&step->needle.literal, delimiter.data, delimiter.size);
  step->behavior = SPLIT_REMOVED;
  return true;
}

static bool read_fixed_length(Step *step, const Field *component, Error *error) {
  Field field = field_get(component, "length");
  int64_t length = 5;
  if (!field_integer_or(&field, 1, INT32_MAX, &length, error)) return false;
  step->length = (size_t)length;
  return true;
}

static bool read_fields(Step *step, const Field *component, Error *error) {
  switch (step->kind) {
  case STEP_BYTE_LEVEL: return read_byte_level(step, component, error);
  case STEP_SPLIT: return read_split(step, component, error);
  case STEP_METASPACE: return read_metaspace(step, component, error);
  case STEP_DIGITS: return read_digits(step, component, error);
  case STEP_PUNCTUATION: return read_behavior(step, component, "Isolated", error);
  case STEP_DELIMITER: return read_delimiter(step, component, error);
  case STEP_FIXED_LENGTH: return read_fixed_length(step, component, error);
  case STEP_WHITESPACE:
  case STEP_WHITESPACE_SPLIT: return true;
  }
  return true;
}

static Step *append(PreTokenizer *pre_tokenizer, StepKind kind) {
  ARRAY_APPEND(&pre_tokenizer->steps, ((Step){.kind = kind}));
  return &pre_tokenizer->steps.items[pre_tokenizer->steps.count - 1];
}

static bool add_step(void *context, const Field *component, const char *type, Error *error) {
  for (size_t i = 0; i < COUNT_OF(kinds); i++)
    if (!strcmp(kinds[i].type, type))
      return read_fields(append(context, kinds[i].kind), component, error);
  return component_refuse(component, type, SUPPORTED, error);
}

PreTokenizer *pre_tokenizer_open(const Field *field, Error *error) {
  PreTokenizer *pre_tokenizer = pre_tokenizer_new();
  if (component_walk(field, "pretokenizers", add_step, pre_tokenizer, error)) return pre_tokenizer;
  pre_tokenizer_close(pre_tokenizer);
  return NULL;
}

PreTokenizer *pre_tokenizer_new(void) {
  return memory_allocate(sizeof(PreTokenizer));
}

bool pre_tokenizer_append_split(PreTokenizer *pre_tokenizer, const char *expression, Error *error) {
  Step *step = append(pre_tokenizer, STEP_SPLIT);
  step->behavior = SPLIT_ISOLATED;
  return set_expression(step, expression, error);
}

void pre_tokenizer_append_digits(PreTokenizer *pre_tokenizer) {
  append(pre_tokenizer, STEP_DIGITS)->behavior = SPLIT_ISOLATED;
}

void pre_tokenizer_append_byte_level(PreTokenizer *pre_tokenizer, bool add_prefix_space) {
  append(pre_tokenizer, STEP_BYTE_LEVEL)->add_prefix_space = add_prefix_space;
}

static void close_step(Step *step) {
  needle_close(&step->needle);
  splitter_close(step->splitter);
}

void pre_tokenizer_close(PreTokenizer *pre_tokenizer) {
  if (!pre_tokenizer) return;
  for (size_t i = 0; i < pre_tokenizer->steps.count; i++)
    close_step(&pre_tokenizer->steps.items[i]);
  ARRAY_FREE(&pre_tokenizer->steps);
  memory_free(pre_tokenizer);
}

bool pre_tokenizer_ends_in_bytes(const PreTokenizer *pre_tokenizer) {
  size_t count = pre_tokenizer->steps.count;
  return count && pre_tokenizer->steps.items[count - 1].kind == STEP_BYTE_LEVEL;
}

void pre_tokenizer_leave_bytes(PreTokenizer *pre_tokenizer) {
  if (pre_tokenizer_ends_in_bytes(pre_tokenizer))
    pre_tokenizer->steps.items[pre_tokenizer->steps.count - 1].leave_bytes = true;
}

static void cut_by_splitter(const Step *step, Pieces *pieces) {
  for (size_t i = 0; i < pieces->list.count; i++) {
    Piece whole = pieces->list.items[i];
    Span text = pieces_span(pieces, i);
    for (size_t at = 0, end; at < text.size; at = end) {
      end = splitter_next(step->splitter, text, at);
      ARRAY_APPEND(&pieces->next, ((Piece){whole.begin + at, whole.begin + end}));
    }
  }
  pieces_commit(pieces);
}

static bool cut_by_needle(const Step *step, PatternWork *work, Pieces *pieces, Error *error) {
  if (step->splitter) {
    cut_by_splitter(step, pieces);
    return true;
  }
  for (size_t i = 0; i < pieces->list.count; i++) {
    Cut cut;
    cut_start(&cut, pieces, i, step->behavior, step->invert);
    PatternWalk walk = {.text = pieces_span(pieces, i)};
    for (;;) {
      Match match;
      bool found;
      if (!needle_walk(&step->needle, &walk, work, &match, &found, error)) return false;
      if (!found) break;
      cut_match(&cut, match.begin, match.end);
    }
    cut_finish(&cut);
  }
  pieces_commit(pieces);
  return true;
}

// Every character of a kind is a match.
static void cut_by_kind(const Step *step, bool (*matches)(uint32_t), Pieces *pieces) {
  for (size_t i = 0; i < pieces->list.count; i++) {
    Cut cut;
    cut_start(&cut, pieces, i, step->behavior, false);
    Span text = pieces_span(pieces, i);
    size_t length;
    for (size_t at = 0; at < text.size; at += length)
      if (matches(utf8_decode(text.data + at, &length))) cut_match(&cut, at, at + length);
    cut_finish(&cut);
  }
  pieces_commit(pieces);
}

// Runs of word characters, and runs of what is neither word nor space.
static void cut_whitespace(Pieces *pieces) {
  for (size_t i = 0; i < pieces->list.count; i++) {
    Piece whole = pieces->list.items[i];
    size_t start = whole.begin, length;
    int kind = 0; // of the run that begins at `start`: 0 space, 1 word, 2 other
    for (size_t at = whole.begin; at <= whole.end; at += length) {
      int here = 0;
      length = 1;
      if (at < whole.end) {
        uint32_t c = utf8_decode(pieces->text.data + at, &length);
        here = unicode_is_word(c) ? 1 : unicode_is_space(c) ? 0 : 2;
      }
      if (here == kind && at < whole.end) continue;
      if (kind && at > start) ARRAY_APPEND(&pieces->next, ((Piece){start, at}));
      start = at;
      kind = here;
    }
  }
  pieces_commit(pieces);
}

static void cut_fixed_length(const Step *step, Pieces *pieces) {
  for (size_t i = 0; i < pieces->list.count; i++) {
    Piece whole = pieces->list.items[i];
    for (size_t at = whole.begin; at < whole.end;) {
      size_t start = at;
      for (size_t n = 0; n < step->length && at < whole.end; n++)
        at += utf8_length(pieces->text.data[at]);
      ARRAY_APPEND(&pieces->next, ((Piece){start, at}));
    }
  }
  pieces_commit(pieces);
}

static void prefix_spaces(Pieces *pieces) {
  bool needed = false;
  for (size_t i = 0; i < pieces->list.count; i++)
    if (pieces_span(pieces, i).data[0] != ' ') needed = true;
  if (!needed) return;
  Text *text = pieces_rewrite(pieces);
  for (size_t i = 0; i < pieces->list.count; i++) {
    Span piece = pieces_span(pieces, i);
    size_t begin = text->size;
    if (piece.data[0] != ' ') text_append_character(text, ' ');
    text_append(text, piece.data, piece.size);
    pieces_rewrite_piece(pieces, text, begin);
  }
  pieces_rewrite_finish(pieces, text);
}

static bool apply_byte_level(const Step *step, PatternWork *work, Pieces *pieces, Error *error) {
  if (step->add_prefix_space) prefix_spaces(pieces);
  if (step->split && !cut_by_needle(step, work, pieces, error)) return false;
  if (step->leave_bytes) {
    pieces->unmapped = true;
    return true;
  }
  Text *text = pieces_rewrite(pieces);
  for (size_t i = 0; i < pieces->list.count; i++) {
    size_t begin = text->size;
    byte_map_encode(pieces_span(pieces, i), text);
    pieces_rewrite_piece(pieces, text, begin);
  }
  pieces_rewrite_finish(pieces, text);
  return true;
}

static bool apply_metaspace(const Step *step, PatternWork *work, Pieces *pieces, Error *error) {
  Span mark = text_span(&step->needle.literal);
  Text *text = pieces_rewrite(pieces);
  for (size_t i = 0; i < pieces->list.count; i++) {
    Span piece = pieces_span(pieces, i);
    size_t begin = text->size;
    bool starts = pieces->list.items[i].begin == 0 && pieces->starts_text;
    bool prepend = step->scheme == PREPEND_ALWAYS || (step->scheme == PREPEND_FIRST && starts);
    if (prepend && piece.data[0] != ' ' && !span_starts_with(piece, mark))
      text_append(text, mark.data, mark.size);
    for (size_t at = 0; at < piece.size;) {
      const char *space = memchr(piece.data + at, ' ', piece.size - at);
      size_t run = space ? (size_t)(space - piece.data) - at : piece.size - at;
      text_append(text, piece.data + at, run);
      if (space) text_append(text, mark.data, mark.size);
      at += run + (space != NULL);
    }
    pieces_rewrite_piece(pieces, text, begin);
  }
  pieces_rewrite_finish(pieces, text);
  return !step->split || cut_by_needle(step, work, pieces, error);
}

static bool apply_step(const Step *step, PatternWork *work, Pieces *pieces, Error *error) {
  switch (step->kind) {
  case STEP_BYTE_LEVEL: return apply_byte_level(step, work, pieces, error);
  case STEP_METASPACE: return apply_metaspace(step, work, pieces, error);
  case STEP_SPLIT:
  case STEP_DELIMITER: return cut_by_needle(step, work, pieces, error);
  case STEP_DIGITS: cut_by_kind(step, unicode_is_numeric, pieces); return true;
  case STEP_PUNCTUATION: cut_by_kind(step, unicode_is_punctuation, pieces); return true;
  case STEP_WHITESPACE_SPLIT: cut_by_kind(step, unicode_is_space, pieces); return true;
  case STEP_WHITESPACE: cut_whitespace(pieces); return true;
  case STEP_FIXED_LENGTH: cut_fixed_length(step, pieces); return true;
  }
  return true;
}

bool pre_tokenizer_apply(const PreTokenizer *pre_tokenizer, PatternWork *work, Pieces *pieces,
                         Error *error) {
  size_t limit = component_growth_limit(pieces->text.size);
  for (size_t i = 0; i < pre_tokenizer->steps.count; i++) {
    if (!apply_step(&pre_tokenizer->steps.items[i], work, pieces, error)) return false;
    if (pieces->text.size > limit)
      return error_set(error, ERROR_FORMAT, NULL,
                       "the pre-tokenizer makes more than %zu bytes of a text", limit);
  }
  return true;
}
