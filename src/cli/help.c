// SPDX-License-Identifier: Apache-2.0
#include "cli/help.h"
#include <string.h>

enum { WIDTH = 80, OPTION_INDENT = 2, HELP_COLUMN = 30, COMMAND_COLUMN = 17 };

static void spaces(Text *out, size_t count) {
  while (count--) text_append_character(out, ' ');
}

// Words of `text` from column `column` on; further lines begin at `indent`. An empty line in the
// text is kept.
static void wrap(Text *out, const char *text, size_t column, size_t indent) {
  bool begin = true;
  for (;;) {
    size_t gap = strspn(text, " ");
    text += gap;
    if (strncmp(text, "\n\n", 2) == 0) {
      text_append_text(out, "\n\n");
      spaces(out, column = indent);
      text += 2;
      begin = true;
      continue;
    }
    size_t size = strcspn(text, " \n");
    if (size == 0) break;
    if (!begin && column + 1 + size > WIDTH) {
      text_append_character(out, '\n');
      spaces(out, column = indent);
      begin = true;
    }
    if (!begin) text_append_character(out, ' ');
    text_append(out, text, size);
    column += size + !begin;
    begin = false;
    text += size;
  }
  text_append_character(out, '\n');
}

void help_sentence(const Option *option, Text *out) {
  text_append_text(out, option->help);
  const char *standard = option->standard_help ? option->standard_help : option->standard;
  if (option->later) {
    text_append_text(out, " (not in this build)");
  } else if (option->required) {
    text_append_text(out, " (required)");
  } else if (standard) {
    text_append_format(out, " (default: %s)", standard);
  }
}

static void append_option(const Option *option, Text *out) {
  Text usage = {0}, sentence = {0};
  if (!option->letter && !option->brief) spaces(&usage, 4);
  option_usage(option, &usage);
  help_sentence(option, &sentence);
  spaces(out, OPTION_INDENT);
  text_append(out, usage.data, usage.size);
  size_t column = OPTION_INDENT + usage.size;
  if (column + 2 > HELP_COLUMN) {
    text_append_character(out, '\n');
    column = 0;
  }
  spaces(out, HELP_COLUMN - column);
  wrap(out, sentence.data, HELP_COLUMN, HELP_COLUMN);
  text_free(&usage);
  text_free(&sentence);
}

static bool table_visible(const OptionTable *table) {
  for (size_t i = 0; i < table->count; i++) {
    if (!table->options[i].hidden) return true;
  }
  return false;
}

static void append_tables(const Command *command, Text *out) {
  for (size_t i = 0; command->tables[i]; i++) {
    const OptionTable *table = command->tables[i];
    if (!table_visible(table)) continue;
    text_append_format(out, "\n%s:\n", table->title);
    for (size_t j = 0; j < table->count; j++) {
      if (!table->options[j].hidden) append_option(&table->options[j], out);
    }
  }
}

static void append_required(const Command *command, Text *out) {
  for (size_t i = 0; command->tables[i]; i++) {
    for (size_t j = 0; j < command->tables[i]->count; j++) {
      const Option *option = &command->tables[i]->options[j];
      if (!option->required) continue;
      text_append_format(out, " %s ", option->flag);
      option_placeholder(option, out);
    }
  }
}

void help_usage(const Program *program, const Command *command, Text *out) {
  text_append_format(out, "%s %s", program->name, command->name);
  append_required(command, out);
  if (command->tables[0]) text_append_text(out, " [options]");
  if (command->arguments) text_append_format(out, " %s", command->arguments);
}

static void append_examples(const char *examples, Text *out) {
  if (!examples) return;
  text_append_text(out, "\nExamples:\n");
  while (*examples) {
    size_t size = strcspn(examples, "\n");
    text_append_format(out, "  %.*s\n", (int)size, examples);
    examples += size + (examples[size] == '\n');
  }
}

void help_command(const Program *program, const Command *command, Text *out) {
  text_append_text(out, "Usage: ");
  help_usage(program, command, out);
  text_append_text(out, "\n\n");
  wrap(out, command->description, 0, 0);
  append_tables(command, out);
  append_examples(command->examples, out);
}

void help_program(const Program *program, Text *out) {
  text_append_format(out, "Usage: %s COMMAND [options]\n\n", program->name);
  wrap(out, program->description, 0, 0);
  text_append_text(out, "\nCommands:\n");
  for (size_t i = 0; program->commands[i]; i++) {
    const Command *command = program->commands[i];
    if (command->hidden) continue;
    text_append_format(out, "  %-*s", COMMAND_COLUMN - 2, command->name);
    wrap(out, command->summary, COMMAND_COLUMN, COMMAND_COLUMN);
  }
  text_append_format(out, "\n%s help COMMAND tells about one; %s --version says which this is.\n",
                     program->name, program->name);
}
