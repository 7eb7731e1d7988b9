// SPDX-License-Identifier: Apache-2.0
#include "cli/ab_side.h"
#include "cli/command_run.h"
#include "cli/engine_options.h"
#include "cli/run_matrix.h"
#include "cli/run_options.h"
#include <string.h>

// Tables whose flags say what a scenario is; a side has those of all, the command itself those that
// `common` marks.
static const struct {
  const OptionTable *table;
  bool common;
} tables[] = {{&run_repetition_options, true},
              {&run_scenario_options, true},
              {&engine_options_lists, true},
              {&run_matrix_options, false}};

// Of the whole comparison, not of one side.
static const char *const shared_flags[] = {"--timeout", "--pin", "--dump-graph", "--dump-folder",
                                           "--list"};

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n';
}

// One word from *at on, unquoted, into `word`; false: a quote has no end.
static bool take_word(const char **at, Text *word) {
  char quote = '\0';
  for (; **at && (quote || !is_blank(**at)); (*at)++) {
    char c = **at;
    if (quote ? c == quote : c == '\'' || c == '"')
      quote = quote ? '\0' : c;
    else if (c == '\\' && quote != '\'' && (*at)[1])
      text_append_character(word, *++*at);
    else
      text_append_character(word, c);
  }
  return !quote;
}

bool words_split(const char *text, Words *words, Error *error) {
  for (;;) {
    while (is_blank(*text)) text++;
    if (!*text) return true;
    Text word = {0};
    bool whole = take_word(&text, &word);
    ARRAY_APPEND(words, memory_copy_text(text_span(&word).data));
    text_free(&word);
    if (!whole) return error_set(error, ERROR_ARGUMENT, NULL, "a quote has no end");
  }
}

void words_free(Words *words) {
  for (size_t i = 0; i < words->count; i++) memory_free(words->items[i]);
  ARRAY_FREE(words);
}

static void add_word(Words *words, const char *text) {
  ARRAY_APPEND(words, memory_copy_text(text));
}

static bool is_shared(const char *flag) {
  for (size_t i = 0; i < COUNT_OF(shared_flags); i++)
    if (strcmp(shared_flags[i], flag) == 0) return true;
  return false;
}

static bool is_of_scenario(const char *flag) {
  for (size_t i = 0; i < COUNT_OF(tables); i++)
    for (size_t j = 0; j < tables[i].table->count; j++)
      if (strcmp(tables[i].table->options[j].flag, flag) == 0) return !is_shared(flag);
  return false;
}

// Every flag that a side gives must say something about it.
static bool check_flags(const Arguments *side, Error *error) {
  const Command *command = arguments_command(side);
  for (size_t i = 0; command->tables[i]; i++)
    for (size_t j = 0; j < command->tables[i]->count; j++) {
      const char *flag = command->tables[i]->options[j].flag;
      if (strcmp(flag, "--list") == 0 || !arguments_given(side, flag) || is_of_scenario(flag))
        continue;
      return error_set(error, ERROR_ARGUMENT, flag,
                       "given for one side, expected once for both, outside of A and B");
    }
  return true;
}

static void add_flag(const Arguments *arguments, const Option *option, Words *words) {
  add_word(words, option->flag);
  if (option->kind == OPTION_SWITCH) return;
  for (size_t i = 0; i < arguments_count(arguments, option->flag); i++)
    add_word(words, arguments_text_at(arguments, option->flag, i));
}

// The flags that were given for both and not for this side. Repetitions have defaults of their own
// here, which a scenario of a file does not take.
static void add_common(const Arguments *common, const Arguments *side, Words *words) {
  bool file = arguments_given(side, "--config-file");
  for (size_t i = 0; i < COUNT_OF(tables); i++)
    for (size_t j = 0; tables[i].common && j < tables[i].table->count; j++) {
      const Option *option = &tables[i].table->options[j];
      bool standard = tables[i].table == &run_repetition_options && !file;
      if (is_shared(option->flag) || arguments_given(side, option->flag)) continue;
      if (standard || arguments_given(common, option->flag)) add_flag(common, option, words);
    }
}

static bool take_one(const ScenarioMatrix *matrix, MatrixCell *cell, Error *error) {
  if (matrix->cells.count != 1)
    return error_set(error, ERROR_ARGUMENT, NULL,
                     "names %zu scenarios, expected one: give every axis one value "
                     "(--attn-implementation, …)",
                     matrix->cells.count);
  *cell = matrix->cells.items[0];
  return true;
}

// `command`: that of `run`; its rows of output have defaults and are not looked at.
static bool make_cell(const Program *program, Words *words, MatrixCell *cell, Error *error) {
  Arguments *arguments =
      arguments_parse(program, &command_run, (int)words->count, words->items, error);
  if (!arguments) return false;
  ScenarioMatrix matrix;
  bool done = run_matrix_make(arguments, &matrix, error) && take_one(&matrix, cell, error);
  scenario_matrix_free(&matrix);
  arguments_free(arguments);
  return done;
}

static bool read_words(const Arguments *common, Words *words, MatrixCell *cell, Error *error) {
  const Program *program = arguments_program(common);
  Arguments *side = arguments_parse(program, &command_run, (int)words->count, words->items, error);
  if (!side) return false;
  bool done = check_flags(side, error);
  if (done) add_common(common, side, words);
  arguments_free(side);
  return done && make_cell(program, words, cell, error);
}

static bool is_file(const char *text) {
  size_t length = strlen(text);
  return (length > 5 && strcmp(text + length - 5, ".json") == 0) ||
         (length > 6 && strcmp(text + length - 6, ".jsonl") == 0);
}

static bool first_words(const char *text, Words *words, Error *error) {
  add_word(words, "--list"); // no model need be named
  if (text[0] == '-' || !is_file(text)) return words_split(text, words, error);
  add_word(words, "--config-file");
  add_word(words, text);
  return true;
}

bool ab_side_read(const Arguments *common, const char *text, const char *name, MatrixCell *cell,
                  Error *error) {
  Words words = {0};
  bool done = first_words(text, &words, error) && read_words(common, &words, cell, error);
  words_free(&words);
  return done || error_within(error, name);
}
