// SPDX-License-Identifier: Apache-2.0
// One pass over the words. Each option of the command has a slot that collects its values; what no
// flag claims is the rest. Defaults go the way of typed values, so that a getter sees no
// difference.
#include "cli/arguments.h"
#include "base/array.h"
#include "base/suggestion.h"
#include <assert.h>
#include <string.h>

typedef struct {
  const Option *option;
  bool given;
  ARRAY_OF(OptionValue) values;
} Slot;

struct Arguments {
  const Program *program;
  const Command *command;
  bool help;
  ARRAY_OF(Slot) slots;
  ARRAY_OF(const char *) rest;
  ARRAY_OF(char *) copies; // of values cut out of a longer word
};

// Where the parser stands in the words.
typedef struct {
  Arguments *arguments;
  int count, next;
  char **words;
} Reader;

static void open_slots(Arguments *arguments) {
  for (size_t i = 0; arguments->command->tables[i]; i++) {
    const OptionTable *table = arguments->command->tables[i];
    for (size_t j = 0; j < table->count; j++) {
      ARRAY_APPEND(&arguments->slots, ((Slot){.option = &table->options[j]}));
    }
  }
}

static Slot *slot_by_flag(const Arguments *arguments, const char *flag, size_t size) {
  for (size_t i = 0; i < arguments->slots.count; i++) {
    Slot *slot = &arguments->slots.items[i];
    if (span_equal(span_of(slot->option->flag), (Span){flag, size})) return slot;
  }
  return NULL;
}

// "-dtype" of a flag that may be written so.
static Slot *slot_by_brief(const Arguments *arguments, const char *word, size_t size) {
  for (size_t i = 0; i < arguments->slots.count; i++) {
    Slot *slot = &arguments->slots.items[i];
    bool same = span_equal(span_of(slot->option->flag + 1), (Span){word, size});
    if (slot->option->brief && same) return slot;
  }
  return NULL;
}

// By the word up to its equals sign.
static Slot *slot_by_word(const Arguments *arguments, const char *word) {
  size_t size = strcspn(word, "=");
  return word[1] == '-' ? slot_by_flag(arguments, word, size)
                        : slot_by_brief(arguments, word, size);
}

static Slot *slot_by_letter(const Arguments *arguments, char letter) {
  for (size_t i = 0; i < arguments->slots.count; i++) {
    if (letter && arguments->slots.items[i].option->letter == letter) {
      return &arguments->slots.items[i];
    }
  }
  return NULL;
}

// "-5" and "-" are values, "-b" and "--batch" are flags.
static bool looks_like_flag(const char *word) {
  return word[0] == '-' && word[1] != '\0' && strchr(".0123456789", word[1]) == NULL;
}

// "--dtype float32" as one word, "-b 4": flags of something else, quoted.
static bool holds_flags(const char *word) {
  if (word[1] == '-') return strcspn(word, " \t\n") < strcspn(word, "=");
  return word[1] != '\0' && word[2] != '\0' && strchr(" \t\n", word[2]) != NULL;
}

static bool is_flag(const Arguments *arguments, const char *word) {
  if (word[0] != '-' || word[1] == '\0') return false;
  if (strcmp(word, "--") == 0 || slot_by_word(arguments, word)) return true;
  return word[2] == '\0' && slot_by_letter(arguments, word[1]) != NULL;
}

static const char *keep(Arguments *arguments, const char *text, size_t size) {
  char *copy = memory_allocate(size + 1);
  memcpy(copy, text, size);
  ARRAY_APPEND(&arguments->copies, copy);
  return copy;
}

static bool add_value(Slot *slot, const char *text, Error *error) {
  OptionValue value;
  if (!option_value(slot->option, text, &value, error)) return false;
  if (!slot->option->list) slot->values.count = 0;
  ARRAY_APPEND(&slot->values, value);
  return true;
}

static bool add_values(Arguments *arguments, Slot *slot, const char *text, const char *separators,
                       Error *error) {
  for (;;) {
    size_t size = strcspn(text, separators);
    if (!add_value(slot, keep(arguments, text, size), error)) return false;
    if (text[size] == '\0') return true;
    text += size + 1;
  }
}

static bool take_word(Reader *reader, Slot *slot, const char *word, Error *error) {
  if (option_splits(slot->option)) return add_values(reader->arguments, slot, word, ",", error);
  return add_value(slot, word, error);
}

static bool missing_value(const Slot *slot, Error *error) {
  Text expected = {0};
  option_expected(slot->option, &expected);
  error_set(error, ERROR_ARGUMENT, slot->option->flag, "no value given, expected %s",
            expected.data);
  text_free(&expected);
  return false;
}

static bool take_values(Reader *reader, Slot *slot, Error *error) {
  const char *implied = slot->option->implied;
  if (implied && (reader->next == reader->count || looks_like_flag(reader->words[reader->next])))
    return add_value(slot, implied, error);
  if (reader->next == reader->count || is_flag(reader->arguments, reader->words[reader->next])) {
    return missing_value(slot, error);
  }
  if (!slot->option->list) return take_word(reader, slot, reader->words[reader->next++], error);
  while (reader->next < reader->count && !looks_like_flag(reader->words[reader->next])) {
    if (!take_word(reader, slot, reader->words[reader->next++], error)) return false;
  }
  return slot->values.count ? true : missing_value(slot, error);
}

// `attached`: the value in the same word, after = or a letter; NULL: none.
static bool take_option(Reader *reader, Slot *slot, const char *attached, Error *error) {
  const Option *option = slot->option;
  if (option->later) {
    return error_set(error, ERROR_UNSUPPORTED, option->flag, "not in this build");
  }
  slot->given = true;
  if (option->kind != OPTION_SWITCH) {
    return attached ? take_word(reader, slot, attached, error) : take_values(reader, slot, error);
  }
  if (!attached) return true;
  return error_set(error, ERROR_ARGUMENT, option->flag, "\"%s\" given, expected no value",
                   attached);
}

static bool unknown_flag(const Arguments *arguments, const char *word, Error *error) {
  Suggestion best = {0};
  Span typed = {word, strcspn(word, "=")};
  for (size_t i = 0; i < arguments->slots.count; i++) {
    const Option *option = arguments->slots.items[i].option;
    if (option->hidden) continue;
    suggestion_consider(&best, span_of(option->flag), typed);
    if (option->brief) suggestion_consider(&best, span_of(option->flag + 1), typed);
  }
  Text message = {0};
  text_append_text(&message, "no such flag");
  if (suggestion_good(&best, typed)) {
    text_append_format(&message, ", did you mean %s?", best.name.data);
  }
  text_append_format(&message, " (attometer %s --help lists the flags)", arguments->command->name);
  Text where = {0};
  text_append(&where, typed.data, typed.size);
  error_set(error, ERROR_ARGUMENT, where.data, "%s", message.data);
  text_free(&where);
  text_free(&message);
  return false;
}

static bool take_flag(Reader *reader, const char *word, Error *error) {
  const char *equals = strchr(word, '=');
  Slot *slot = slot_by_word(reader->arguments, word);
  if (slot) return take_option(reader, slot, equals ? equals + 1 : NULL, error);
  if (word[1] != '-') slot = slot_by_letter(reader->arguments, word[1]);
  if (!slot) return unknown_flag(reader->arguments, word, error);
  if (word[2] == '\0') return take_option(reader, slot, NULL, error);
  return take_option(reader, slot, word + 2 + (word[2] == '='), error);
}

static bool take_rest(Reader *reader, const char *word, Error *error) {
  Arguments *arguments = reader->arguments;
  if (!arguments->command->arguments) {
    return error_set(error, ERROR_ARGUMENT, arguments->command->name,
                     "\"%s\" given, expected flags only (attometer %s --help lists them)", word,
                     arguments->command->name);
  }
  ARRAY_APPEND(&arguments->rest, word);
  return true;
}

static bool read_words(Reader *reader, Error *error) {
  bool flags = true;
  while (reader->next < reader->count) {
    const char *word = reader->words[reader->next++];
    if (flags && strcmp(word, "--") == 0) {
      flags = false;
    } else if (flags && looks_like_flag(word) && !holds_flags(word)) {
      if (!take_flag(reader, word, error)) return false;
    } else if (!take_rest(reader, word, error)) {
      return false;
    }
  }
  return true;
}

static bool fill_defaults(Arguments *arguments, Error *error) {
  const char *listing = arguments->command->listing;
  bool listed = listing && arguments_switch(arguments, listing);
  for (size_t i = 0; i < arguments->slots.count; i++) {
    Slot *slot = &arguments->slots.items[i];
    if (slot->given) continue;
    if (slot->option->required && !listed) {
      return error_set(error, ERROR_ARGUMENT, slot->option->flag, "missing: %s",
                       slot->option->help);
    }
    const char *separators = slot->option->list ? " " : "";
    const char *standard = slot->option->standard;
    if (standard && !add_values(arguments, slot, standard, separators, error)) return false;
  }
  return true;
}

static bool help_among(int count, char **words) {
  for (int i = 0; i < count && strcmp(words[i], "--") != 0; i++) {
    if (strcmp(words[i], "--help") == 0 || strcmp(words[i], "-h") == 0) return true;
  }
  return false;
}

Arguments *arguments_parse(const Program *program, const Command *command, int count, char **words,
                           Error *error) {
  Arguments *arguments = memory_allocate(sizeof *arguments);
  arguments->program = program;
  arguments->command = command;
  arguments->help = help_among(count, words);
  open_slots(arguments);
  Reader reader = {arguments, count, 0, words};
  if (arguments->help) return arguments;
  if (read_words(&reader, error) && fill_defaults(arguments, error)) return arguments;
  arguments_free(arguments);
  return NULL;
}

void arguments_free(Arguments *arguments) {
  if (!arguments) return;
  for (size_t i = 0; i < arguments->slots.count; i++) ARRAY_FREE(&arguments->slots.items[i].values);
  for (size_t i = 0; i < arguments->copies.count; i++) memory_free(arguments->copies.items[i]);
  ARRAY_FREE(&arguments->slots);
  ARRAY_FREE(&arguments->copies);
  ARRAY_FREE(&arguments->rest);
  memory_free(arguments);
}

const Program *arguments_program(const Arguments *arguments) {
  return arguments->program;
}

const Command *arguments_command(const Arguments *arguments) {
  return arguments->command;
}

bool arguments_want_help(const Arguments *arguments) {
  return arguments->help;
}

static const Slot *slot_of(const Arguments *arguments, const char *flag) {
  static const Option nothing = {.flag = ""};
  static const Slot none = {.option = &nothing};
  const Slot *slot = slot_by_flag(arguments, flag, strlen(flag));
  assert(slot && "a flag that the command's tables lack");
  return slot ? slot : &none;
}

static OptionValue value_at(const Arguments *arguments, const char *flag, size_t index) {
  const Slot *slot = slot_of(arguments, flag);
  return index < slot->values.count ? slot->values.items[index] : (OptionValue){0};
}

bool arguments_given(const Arguments *arguments, const char *flag) {
  return slot_of(arguments, flag)->given;
}

bool arguments_switch(const Arguments *arguments, const char *flag) {
  return slot_of(arguments, flag)->given;
}

size_t arguments_count(const Arguments *arguments, const char *flag) {
  return slot_of(arguments, flag)->values.count;
}

const char *arguments_text(const Arguments *arguments, const char *flag) {
  return value_at(arguments, flag, 0).text;
}

int64_t arguments_integer(const Arguments *arguments, const char *flag) {
  return value_at(arguments, flag, 0).integer;
}

double arguments_real(const Arguments *arguments, const char *flag) {
  return value_at(arguments, flag, 0).real;
}

const char *arguments_text_at(const Arguments *arguments, const char *flag, size_t index) {
  return value_at(arguments, flag, index).text;
}

int64_t arguments_integer_at(const Arguments *arguments, const char *flag, size_t index) {
  return value_at(arguments, flag, index).integer;
}

size_t arguments_rest_count(const Arguments *arguments) {
  return arguments->rest.count;
}

const char *arguments_rest(const Arguments *arguments, size_t index) {
  return arguments->rest.items[index];
}
