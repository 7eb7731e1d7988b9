// SPDX-License-Identifier: Apache-2.0
#include "cli/option.h"
#include "base/suggestion.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void option_each_choice(const char *choices, void (*visit)(Span name, void *context),
                        void *context) {
  while (choices && *choices) {
    size_t size = strcspn(choices, "|");
    visit((Span){choices, size}, context);
    choices += size + (choices[size] == '|');
  }
}

bool option_has_choice(const char *choices, const char *name, size_t size) {
  while (choices && *choices) {
    size_t length = strcspn(choices, "|");
    if (span_equal((Span){choices, length}, (Span){name, size})) return true;
    choices += length + (choices[length] == '|');
  }
  return false;
}

static void append_choice(Span name, void *context) {
  Text *out = context;
  if (out->size) text_append_text(out, ", ");
  text_append(out, name.data, name.size);
}

static void append_range(const Option *option, Text *out) {
  if (option->least == 0 && option->most == 0) return;
  if (isinf(option->most)) {
    text_append_format(out, ", at least %.15g", option->least);
  } else {
    text_append_format(out, " from %.15g to %.15g", option->least, option->most);
  }
}

void option_expected(const Option *option, Text *out) {
  switch (option->kind) {
  case OPTION_SWITCH: text_append_text(out, "no value"); break;
  case OPTION_TEXT: text_append_text(out, "a text"); break;
  case OPTION_INTEGER:
    text_append_text(out, "an integer");
    append_range(option, out);
    break;
  case OPTION_REAL:
    text_append_text(out, "a number");
    append_range(option, out);
    break;
  case OPTION_SHARE:
    text_append_format(out, "a share from %.15g%% to %.15g%%", option->least * 100,
                       option->most * 100);
    break;
  case OPTION_CHOICE: {
    Text names = {0};
    option_each_choice(option->choices, append_choice, &names);
    text_append_format(out, strchr(option->choices, '|') ? "one of %s" : "%s", names.data);
    text_free(&names);
    break;
  }
  }
}

typedef struct {
  Suggestion best;
  Span typed;
} Search;

static void consider_choice(Span name, void *context) {
  Search *search = context;
  suggestion_consider(&search->best, name, search->typed);
}

// Appends " (did you mean X?)" when a choice is near what was typed.
static void append_suggestion(const char *choices, const char *typed, Text *out) {
  Search search = {.typed = span_of(typed)};
  option_each_choice(choices, consider_choice, &search);
  if (!suggestion_good(&search.best, search.typed)) return;
  text_append_format(out, " (did you mean %.*s?)", (int)search.best.name.size,
                     search.best.name.data);
}

static bool refuse(const Option *option, const char *text, Error *error) {
  Text expected = {0};
  option_expected(option, &expected);
  if (option->kind == OPTION_CHOICE) append_suggestion(option->choices, text, &expected);
  error_set(error, ERROR_ARGUMENT, option->flag, "\"%s\" given, expected %s", text, expected.data);
  text_free(&expected);
  return false;
}

static bool in_range(const Option *option, double number) {
  if (option->least == 0 && option->most == 0) return true;
  return number >= option->least && number <= option->most;
}

static bool read_integer(const char *text, OptionValue *value) {
  char *end;
  errno = 0;
  value->integer = strtoll(text, &end, 10);
  value->real = (double)value->integer;
  return end != text && *end == '\0' && errno == 0 && strchr(" \t\n", *text) == NULL;
}

static bool read_real(const char *text, OptionValue *value) {
  char *end;
  value->real = strtod(text, &end);
  return end != text && *end == '\0' && isfinite(value->real) && strchr(" \t\n", *text) == NULL;
}

static bool read_share(const char *text, OptionValue *value) {
  char *end;
  value->real = strtod(text, &end);
  bool percent = end != text && *end == '%';
  if (percent) value->real /= 100;
  return end != text && end[percent] == '\0' && isfinite(value->real) &&
         strchr(" \t\n", *text) == NULL;
}

bool option_value(const Option *option, const char *text, OptionValue *value, Error *error) {
  *value = (OptionValue){.text = text};
  switch (option->kind) {
  case OPTION_INTEGER:
    if (read_integer(text, value) && in_range(option, value->real)) return true;
    break;
  case OPTION_REAL:
    if (read_real(text, value) && in_range(option, value->real)) return true;
    break;
  case OPTION_SHARE:
    if (read_share(text, value) && in_range(option, value->real)) return true;
    break;
  case OPTION_CHOICE:
    if (option_has_choice(option->choices, text, strlen(text))) return true;
    if (option_has_choice(option->later_choices, text, strlen(text))) {
      return error_set(error, ERROR_UNSUPPORTED, option->flag, "\"%s\" is not in this build", text);
    }
    break;
  case OPTION_SWITCH:
  case OPTION_TEXT: return true;
  }
  return refuse(option, text, error);
}

static const char *kind_placeholder(const Option *option) {
  switch (option->kind) {
  case OPTION_INTEGER: return "N";
  case OPTION_REAL: return "X";
  case OPTION_SHARE: return "SHARE";
  case OPTION_TEXT: return "TEXT";
  default: return option->choices;
  }
}

void option_placeholder(const Option *option, Text *out) {
  if (option->kind == OPTION_SWITCH) return;
  text_append_text(out, option->placeholder ? option->placeholder : kind_placeholder(option));
  if (option->list) text_append_text(out, "...");
}

void option_usage(const Option *option, Text *out) {
  if (option->letter) text_append_format(out, "-%c, ", option->letter);
  if (option->brief) text_append_format(out, "%s, ", option->flag + 1);
  text_append_text(out, option->flag);
  if (option->kind == OPTION_SWITCH) return;
  text_append_character(out, ' ');
  option_placeholder(option, out);
}

bool option_splits(const Option *option) {
  return option->list && option->kind != OPTION_TEXT;
}
