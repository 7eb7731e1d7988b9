// SPDX-License-Identifier: Apache-2.0
#include "cli/suggestion.h"
#include "base/suggestion.h"
#include "cli/option.h"

typedef struct {
  Suggestion best;
  Span typed;
} Search;

static void consider_choice(Span name, void *context) {
  Search *search = context;
  suggestion_consider(&search->best, name, search->typed);
}

void suggestion_append(const char *choices, const char *typed, Text *out) {
  Search search = {.typed = span_of(typed)};
  option_each_choice(choices, consider_choice, &search);
  if (!suggestion_good(&search.best, search.typed)) return;
  text_append_format(out, " (did you mean %.*s?)", (int)search.best.name.size,
                     search.best.name.data);
}
