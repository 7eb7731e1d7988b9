// SPDX-License-Identifier: Apache-2.0
// Three shells, one idea: the second word is a command; after it come the command's flags; after a
// flag its names, or files where its placeholder says so. Flags of later work are not offered.
#include "cli/document_completion.h"
#include "cli/help.h"
#include <string.h>

typedef void OptionVisitor(const Command *command, const Option *option, Text *out);

static void each_option(const Command *command, OptionVisitor *visit, Text *out) {
  for (size_t i = 0; command->tables[i]; i++) {
    for (size_t j = 0; j < command->tables[i]->count; j++) {
      const Option *option = &command->tables[i]->options[j];
      if (!option->hidden && !option->later) visit(command, option, out);
    }
  }
}

static bool takes_file(const Option *option) {
  static const char *const places[] = {"FILE", "FOLDER", "MODEL"};
  for (size_t i = 0; option->placeholder && i < COUNT_OF(places); i++) {
    if (strcmp(option->placeholder, places[i]) == 0) return true;
  }
  return false;
}

// Names "a|b|c" with another separator between them.
static void append_choices(Text *out, const char *choices, char separator) {
  for (; *choices; choices++) text_append_character(out, *choices == '|' ? separator : *choices);
}

static void append_names(const Program *program, char separator, Text *out) {
  for (size_t i = 0; program->commands[i]; i++) {
    if (program->commands[i]->hidden) continue;
    text_append_format(out, "%s%c", program->commands[i]->name, separator);
  }
}

static void bash_values(const Command *command, const Option *option, Text *out) {
  (void)command;
  if (!option->choices && !takes_file(option)) return;
  text_append_text(out, "        ");
  if (option->letter) text_append_format(out, "-%c | ", option->letter);
  if (option->brief) text_append_format(out, "%s | ", option->flag + 1);
  text_append_format(out, "%s) COMPREPLY=($(compgen ", option->flag);
  if (option->choices) {
    text_append_text(out, "-W '");
    append_choices(out, option->choices, ' ');
    text_append_text(out, "'");
  } else {
    text_append_text(out, "-f");
  }
  text_append_text(out, " -- \"$word\")); return ;;\n");
}

static void bash_flag(const Command *command, const Option *option, Text *out) {
  (void)command;
  text_append_format(out, "%s ", option->flag);
}

static void bash_command(const Command *command, Text *out) {
  Text values = {0};
  each_option(command, bash_values, &values);
  text_append_format(out, "    %s)\n", command->name);
  if (values.size) {
    text_append_format(out, "      case \"$before\" in\n%s      esac\n", values.data);
  }
  text_append_text(out, "      flags='");
  each_option(command, bash_flag, out);
  text_append_text(out, "--help' ;;\n");
  text_free(&values);
}

void document_bash(const Program *program, Text *out) {
  text_append_format(out,
                     "# bash completion for %s, made by `make docs`\n"
                     "_%s() {\n"
                     "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} "
                     "flags=''\n"
                     "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                     "    COMPREPLY=($(compgen -W '",
                     program->name, program->name);
  append_names(program, ' ', out);
  text_append_text(out, "help --help --version' -- \"$word\"))\n    return\n  fi\n"
                        "  case \"${COMP_WORDS[1]}\" in\n    help) flags='");
  append_names(program, ' ', out);
  text_append_text(out, "' ;;\n");
  for (size_t i = 0; program->commands[i]; i++) {
    if (!program->commands[i]->hidden) bash_command(program->commands[i], out);
  }
  text_append_format(out,
                     "  esac\n"
                     "  COMPREPLY=($(compgen -W \"$flags\" -- \"$word\"))\n"
                     "  [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$word\"))\n"
                     "}\ncomplete -o filenames -F _%s %s\n",
                     program->name, program->name);
}

// Text inside '…[…]' of zsh's _arguments, or inside '…' of fish: `special` is escaped.
static void append_escaped(Text *out, const char *text, const char *special) {
  for (; *text; text++) {
    if (*text == '\'') {
      text_append_text(out, "'\\''");
      continue;
    }
    if (strchr(special, *text)) text_append_character(out, '\\');
    text_append_character(out, *text);
  }
}

static void zsh_action(const Option *option, Text *out) {
  if (option->kind == OPTION_SWITCH) return;
  text_append_text(out, ":value:");
  if (option->choices) {
    text_append_character(out, '(');
    append_choices(out, option->choices, ' ');
    text_append_character(out, ')');
  } else if (takes_file(option)) {
    text_append_text(out, "_files");
  }
}

static void zsh_spelling(const Option *option, const char *spelling, Text *out) {
  text_append_format(out, " \\\n        '%s%s[", option->list ? "*" : "", spelling);
  append_escaped(out, option->help, "[]:\\");
  text_append_character(out, ']');
  zsh_action(option, out);
  text_append_character(out, '\'');
}

static void zsh_option(const Command *command, const Option *option, Text *out) {
  (void)command;
  if (option->letter) zsh_spelling(option, (char[]){'-', option->letter, '\0'}, out);
  if (option->brief) zsh_spelling(option, option->flag + 1, out);
  zsh_spelling(option, option->flag, out);
}

void document_zsh(const Program *program, Text *out) {
  text_append_format(out,
                     "#compdef %s\n# zsh completion for %s, made by `make docs`\n_%s() {\n"
                     "  local -a commands\n  commands=(\n",
                     program->name, program->name, program->name);
  for (size_t i = 0; program->commands[i]; i++) {
    const Command *command = program->commands[i];
    if (command->hidden) continue;
    text_append_format(out, "    '%s:", command->name);
    append_escaped(out, command->summary, ":\\");
    text_append_text(out, "'\n");
  }
  text_append_text(out, "    'help:tell about a command'\n  )\n  if (( CURRENT == 2 )); then\n"
                        "    _describe command commands\n    return\n  fi\n"
                        "  local command=${words[2]}\n  shift words\n  (( CURRENT-- ))\n"
                        "  case $command in\n");
  for (size_t i = 0; program->commands[i]; i++) {
    const Command *command = program->commands[i];
    if (command->hidden) continue;
    text_append_format(out, "    %s)\n      _arguments", command->name);
    each_option(command, zsh_option, out);
    text_append_text(out, " \\\n        '--help[tell about this command]'");
    if (command->arguments) text_append_text(out, " \\\n        '*:argument:_files'");
    text_append_text(out, " ;;\n");
  }
  text_append_format(out, "    help) _describe command commands ;;\n  esac\n}\n_%s \"$@\"\n",
                     program->name);
}

static void fish_option(const Command *command, const Option *option, Text *out) {
  text_append_format(out, "complete -c attometer -n '__fish_seen_subcommand_from %s' -l %s",
                     command->name, option->flag + 2);
  if (option->letter) text_append_format(out, " -s %c", option->letter);
  if (option->brief) text_append_format(out, " -o %s", option->flag + 2);
  if (option->kind != OPTION_SWITCH) text_append_text(out, takes_file(option) ? " -rF" : " -x");
  if (option->choices) {
    text_append_text(out, " -a '");
    append_choices(out, option->choices, ' ');
    text_append_character(out, '\'');
  }
  text_append_text(out, " -d '");
  append_escaped(out, option->help, "\\");
  text_append_text(out, "'\n");
}

void document_fish(const Program *program, Text *out) {
  text_append_format(out, "# fish completion for %s, made by `make docs`\ncomplete -c %s -f\n",
                     program->name, program->name);
  for (size_t i = 0; program->commands[i]; i++) {
    const Command *command = program->commands[i];
    if (command->hidden) continue;
    text_append_format(out, "complete -c %s -n __fish_use_subcommand -a %s -d '", program->name,
                       command->name);
    append_escaped(out, command->summary, "\\");
    text_append_text(out, "'\n");
    each_option(command, fish_option, out);
  }
}
