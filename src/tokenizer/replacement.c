// SPDX-License-Identifier: Apache-2.0
#include "tokenizer/replacement.h"
#include <string.h>

bool needle_read(Needle *needle, const Field *field, Error *error) {
  Field literal = field_get(field, "String"), regex = field_get(field, "Regex");
  Span text;
  if (field_present(&literal)) {
    if (!component_span(&literal, &text, error)) return false;
    text_append(&needle->literal, text.data, text.size);
    return true;
  }
  if (!field_present(&regex))
    return error_set(error, ERROR_FORMAT, field->path,
                     "expected {\"String\": …} or {\"Regex\": …}");
  if (!component_span(&regex, &text, error)) return false;
  needle->pattern = pattern_open(text, regex.path, error);
  return needle->pattern != NULL;
}

void needle_close(Needle *needle) {
  pattern_close(needle->pattern);
  text_free(&needle->literal);
}

bool needle_walk(const Needle *needle, PatternWalk *walk, PatternWork *work, Match *match,
                 bool *found, Error *error) {
  if (needle->pattern) return pattern_walk(walk, needle->pattern, work, match, found, error);
  *found = false;
  size_t size = needle->literal.size;
  if (size == 0 || walk->at >= walk->text.size) return true;
  const char *at =
      memmem(walk->text.data + walk->at, walk->text.size - walk->at, needle->literal.data, size);
  if (!at) return true;
  *found = true;
  match->begin = (size_t)(at - walk->text.data);
  match->end = walk->at = match->begin + size;
  return true;
}

bool replacement_read(Replacement *replacement, const Field *component, Error *error) {
  Field pattern = field_get(component, "pattern"), content = field_get(component, "content");
  Span text;
  if (!component_span(&content, &text, error)) return false;
  text_append(&replacement->content, text.data, text.size);
  return needle_read(&replacement->needle, &pattern, error);
}

void replacement_close(Replacement *replacement) {
  needle_close(&replacement->needle);
  text_free(&replacement->content);
}

bool replacement_apply(const Replacement *replacement, PatternWork *work, Span text, size_t limit,
                       Text *out, bool *start_removed, Error *error) {
  PatternWalk walk = {.text = text};
  size_t copied = 0, start = out->size;
  for (;;) {
    Match match;
    bool found;
    if (!needle_walk(&replacement->needle, &walk, work, &match, &found, error)) return false;
    if (!found) break;
    if (match.begin == 0 && match.end > 0 && replacement->content.size == 0) *start_removed = true;
    text_append(out, text.data + copied, match.begin - copied);
    text_append(out, replacement->content.data, replacement->content.size);
    copied = match.end;
    if (out->size - start > limit)
      return error_set(error, ERROR_FORMAT, NULL,
                       "a Replace grows the text of %zu bytes beyond %zu bytes", text.size, limit);
  }
  text_append(out, text.data + copied, text.size - copied);
  return true;
}
