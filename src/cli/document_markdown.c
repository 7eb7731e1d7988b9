// SPDX-License-Identifier: Apache-2.0
#include "cli/document_markdown.h"
#include "cli/help.h"
#include <string.h>

// A table cell: bars and angle brackets would be taken for markup.
static void append_cell(Text *out, const char *text) {
  for (; text && *text; text++) {
    if (*text == '|') text_append_character(out, '\\');
    text_append_character(out, *text);
  }
}

static void append_code(Text *out, const char *text) {
  if (!text || !text[0]) return;
  text_append_character(out, '`');
  append_cell(out, text);
  text_append_character(out, '`');
}

static void append_default(const Option *option, Text *out) {
  if (option->required) {
    text_append_text(out, "required");
  } else if (option->standard_help) {
    append_cell(out, option->standard_help);
  } else {
    append_code(out, option->standard);
  }
}

static void append_option(const Option *option, Text *out) {
  Text placeholder = {0};
  option_placeholder(option, &placeholder);
  text_append_text(out, "| ");
  append_code(out, option->flag);
  if (option->letter) text_append_format(out, ", `-%c`", option->letter);
  if (option->brief) text_append_format(out, ", `%s`", option->flag + 1);
  text_append_text(out, " | ");
  append_code(out, placeholder.data);
  text_append_text(out, " | ");
  append_default(option, out);
  text_append_text(out, " | ");
  append_cell(out, option->help);
  if (option->later) text_append_text(out, " (not in this build)");
  text_append_text(out, " |\n");
  text_free(&placeholder);
}

static void append_tables(const Command *command, Text *out) {
  for (size_t i = 0; command->tables[i]; i++) {
    const OptionTable *table = command->tables[i];
    text_append_format(out, "\n| %s | value | default | what it does |\n|---|---|---|---|\n",
                       table->title);
    for (size_t j = 0; j < table->count; j++) {
      if (!table->options[j].hidden) append_option(&table->options[j], out);
    }
  }
}

static void append_command(const Program *program, const Command *command, Text *out) {
  Text usage = {0};
  help_usage(program, command, &usage);
  text_append_format(out, "\n## %s\n\n    %s\n\n%s\n", command->name, usage.data,
                     command->description);
  append_tables(command, out);
  if (command->examples) text_append_format(out, "\n```sh\n%s\n```\n", command->examples);
  text_free(&usage);
}

void document_markdown(const Program *program, Text *out) {
  text_append_format(out,
                     "# The command line\n\nMade from the option tables by `make docs`; edits here "
                     "are lost.\n\n%s\n\n    %s COMMAND [options]\n\nA flag's value follows it or "
                     "an equals sign (`--dtype float32`, `--dtype=float32`). Where a value ends in "
                     "`...` several may follow, separated by spaces; numbers and names also by "
                     "commas. `--` ends the flags. `%s help COMMAND` prints what stands here. "
                     "What the program's exit codes mean: [exit-codes.md](exit-codes.md).\n",
                     program->description, program->name, program->name);
  text_append_text(out, "\n| command | what it does |\n|---|---|\n");
  for (size_t i = 0; program->commands[i]; i++) {
    const Command *command = program->commands[i];
    if (command->hidden) continue;
    text_append_format(out, "| [%s](#%s) | %s |\n", command->name, command->name, command->summary);
  }
  for (size_t i = 0; program->commands[i]; i++) {
    if (!program->commands[i]->hidden) append_command(program, program->commands[i], out);
  }
}

void document_exit_codes(const Program *program, Text *out) {
  static const char *const explanations[] = {
      [ERROR_NONE] = "everything asked for was done",
      [ERROR_ARGUMENT] = "a flag, its value or a combination of them is wrong; nothing was run",
      [ERROR_NOT_FOUND] = "a file, a model or a name does not exist",
      [ERROR_FORMAT] = "a file was found but cannot be read as what it should be",
      [ERROR_UNSUPPORTED] = "right, but not something this build or this machine can do",
      [ERROR_IO] = "reading or writing failed: a full disk, a closed pipe, no permission",
      [ERROR_MEMORY] = "there is not enough memory",
      [ERROR_CHILD] = "at least one scenario failed; the results of the others are on disk",
      [ERROR_MISMATCH] = "something was computed and is not what it must be",
      [ERROR_INTERRUPTED] = "stopped by Ctrl-C; results of finished scenarios are on disk",
      [ERROR_WORSE] = "of `attometer ab`: B is worse than A",
      [ERROR_UNDECIDED] = ("of `attometer ab` without `--gate`: A and B cannot be told "
                           "apart"),
  };
  text_append_format(out,
                     "# Exit codes\n\nMade from the list of errors in `src/base/error.h` by `make "
                     "docs`. Every failure prints one line on standard error, `%s: WHERE: WHAT`, "
                     "and ends with one of these:\n\n| code | name | when |\n|---|---|---|\n",
                     program->name);
  for (int code = ERROR_NONE; code < (int)COUNT_OF(explanations); code++) {
    text_append_format(out, "| %d | %s | %s |\n", error_exit_code((ErrorCode)code),
                       error_code_text((ErrorCode)code), explanations[code]);
  }
}
