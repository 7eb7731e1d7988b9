// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"
#include "base/suggestion.h"
#include "cli/arguments.h"
#include "cli/help.h"
#include "cli/output.h"
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

const Command *program_command(const Program *program, const char *name) {
  for (size_t i = 0; program->commands[i]; i++) {
    if (strcmp(program->commands[i]->name, name) == 0) return program->commands[i];
  }
  return NULL;
}

static bool unknown_command(const Program *program, const char *name, Error *error) {
  if (name[0] == '-') {
    return error_set(error, ERROR_ARGUMENT, name,
                     "given first, expected a command, then its flags "
                     "(%s --help lists the commands)",
                     program->name);
  }
  Suggestion best = {0};
  for (size_t i = 0; program->commands[i]; i++) {
    if (program->commands[i]->hidden) continue;
    suggestion_consider(&best, span_of(program->commands[i]->name), span_of(name));
  }
  bool good = suggestion_good(&best, span_of(name));
  return error_set(error, ERROR_ARGUMENT, name, "no such command%s%s%s (%s --help lists them)",
                   good ? ", did you mean " : "", good ? best.name.data : "", good ? "?" : "",
                   program->name);
}

static bool print(Text *text) {
  output_write(text->data, text->size);
  text_free(text);
  return true;
}

static bool print_help(const Program *program, const char *name, Error *error) {
  Text help = {0};
  if (!name) {
    help_program(program, &help);
    return print(&help);
  }
  const Command *command = program_command(program, name);
  if (!command) return unknown_command(program, name, error);
  help_command(program, command, &help);
  return print(&help);
}

static bool run_command(const Program *program, const Command *command, int count, char **words,
                        Error *error) {
  Arguments *arguments = arguments_parse(program, command, count, words, error);
  if (!arguments) return false;
  bool done = arguments_want_help(arguments) ? print_help(program, command->name, error)
                                             : command->run(arguments, error);
  arguments_free(arguments);
  return done;
}

static bool is_one_of(const char *word, const char *a, const char *b, const char *c) {
  return strcmp(word, a) == 0 || strcmp(word, b) == 0 || strcmp(word, c) == 0;
}

static bool dispatch(const Program *program, int count, char **words, Error *error) {
  if (count < 2) {
    print_help(program, NULL, error);
    return error_set(error, ERROR_ARGUMENT, NULL, "no command given, expected one of those above");
  }
  if (is_one_of(words[1], "--help", "-h", "help")) {
    return print_help(program, count > 2 ? words[2] : NULL, error);
  }
  if (is_one_of(words[1], "--version", "-V", "version")) {
    output_format("%s %s\n", program->name, program->version);
    return true;
  }
  const Command *command = program_command(program, words[1]);
  if (!command) return unknown_command(program, words[1], error);
  return run_command(program, command, count - 2, words + 2, error);
}

// What was printed is already out: streams are flushed as they go.
static void interrupted(int signal_number) {
  (void)signal_number;
  _exit(130);
}

// A file opened later must not take the place of a closed standard stream. What takes it instead
// fails when used: input cannot be read, output cannot be written.
static void hold_standard_streams(void) {
  for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++) {
    if (fcntl(stream, F_GETFD) >= 0) continue;
    if (open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0) return;
  }
}

int program_run(const Program *program, int count, char **words) {
  hold_standard_streams();
  // A closed pipe is then an error of write, told like any other.
  signal(SIGPIPE, SIG_IGN);
  signal(SIGINT, interrupted);
  Error error = {0};
  bool done = dispatch(program, count, words, &error);
  Error flush = {0};
  if (!output_flush(&flush) && done) {
    error = flush;
    done = false;
  }
  if (done) return 0;
  output_error(&error);
  return error_exit_code(error.code);
}
