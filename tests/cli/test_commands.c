// SPDX-License-Identifier: Apache-2.0
// The rows of every command: what the compiler cannot check about them.
#include "cli/arguments.h"
#include "cli/command_documents.h"
#include "cli/command_generate.h"
#include "cli/command_info.h"
#include "cli/command_logits.h"
#include "cli/command_run.h"
#include "cli/command_tokenize.h"
#include "cli/help.h"
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const Command *const commands[] = {&command_run,      &command_generate, &command_logits,
                                          &command_tokenize, &command_info,     &command_documents};

typedef void Visitor(const Command *command, const Option *option);

static void each_option(Visitor *visit) {
  for (size_t i = 0; i < COUNT_OF(commands); i++) {
    for (size_t j = 0; commands[i]->tables[j]; j++) {
      const OptionTable *table = commands[i]->tables[j];
      for (size_t k = 0; k < table->count; k++) visit(commands[i], &table->options[k]);
    }
  }
}

static void check_form(const Command *command, const Option *option) {
  const char *why = NULL;
  if (strncmp(option->flag, "--", 2) != 0 || strchr(option->flag, '=')) why = "flag";
  if (!option->help || isupper((unsigned char)option->help[0])) why = "help begins";
  if (option->help && option->help[strlen(option->help) - 1] == '.') why = "help ends";
  if ((option->kind == OPTION_CHOICE) != (option->choices != NULL)) why = "choices";
  if (option->kind == OPTION_SWITCH && (option->list || option->standard)) why = "switch";
  if (option->required && option->standard) why = "required with a default";
  if (why) fail_msg("%s %s: %s", command->name, option->flag, why);
}

static void test_form(void **state) {
  (void)state;
  each_option(check_form);
}

static void check_unique(const Command *command, const Option *option) {
  int flags = 0, letters = 0;
  for (size_t j = 0; command->tables[j]; j++) {
    for (size_t k = 0; k < command->tables[j]->count; k++) {
      const Option *other = &command->tables[j]->options[k];
      flags += strcmp(other->flag, option->flag) == 0;
      letters += option->letter && other->letter == option->letter;
    }
  }
  if (flags != 1 || letters > 1 || option->letter == 'h') {
    fail_msg("%s %s: not unique", command->name, option->flag);
  }
}

static void test_unique(void **state) {
  (void)state;
  each_option(check_unique);
}

// A default is a value that could have been typed.
static void check_default(const Command *command, const Option *option) {
  OptionValue value;
  Error error;
  if (!option->standard || option->list) return;
  if (!option_value(option, option->standard, &value, &error)) {
    fail_msg("%s %s: %s", command->name, option->flag, error.message);
  }
}

static void test_defaults(void **state) {
  (void)state;
  each_option(check_default);
  for (size_t i = 0; i < COUNT_OF(commands); i++) {
    char *words[] = {"--model-id", "preset:tiny"};
    bool takes_model = commands[i] != &command_info && commands[i] != &command_documents;
    Error error;
    Arguments *arguments = arguments_parse(NULL, commands[i], takes_model ? 2 : 0, words, &error);
    if (!arguments) fail_msg("%s: %s: %s", commands[i]->name, error.where, error.message);
    arguments_free(arguments);
  }
}

static void test_help_fits(void **state) {
  (void)state;
  const Program program = {.name = "attometer"};
  for (size_t i = 0; i < COUNT_OF(commands); i++) {
    Text help = {0};
    help_command(&program, commands[i], &help);
    const char *examples = strstr(help.data, "\nExamples:");
    for (const char *line = help.data; *line && line != examples;) {
      size_t size = strcspn(line, "\n");
      // A list of names without a space cannot be broken.
      if (size > 80 && !strchr(line, '|')) fail_msg("%s: %.*s", commands[i]->name, (int)size, line);
      line += size + (line[size] == '\n');
      if (examples && line > examples) break;
    }
    text_free(&help);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_form),
      cmocka_unit_test(test_unique),
      cmocka_unit_test(test_defaults),
      cmocka_unit_test(test_help_fits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
