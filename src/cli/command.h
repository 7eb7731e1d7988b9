// SPDX-License-Identifier: Apache-2.0
// A command of the program: `attometer NAME …`. Everything that people are told about it comes
// from this value.
#pragma once
#include "cli/option.h"

typedef struct Arguments Arguments; // cli/arguments.h

// Does the work. False with *error filled: the program prints one line and ends with the exit code
// of the error. Standard output is flushed and checked by the program afterwards.
typedef bool CommandRun(const Arguments *arguments, Error *error);

enum { COMMAND_MAX_TABLES = 12 };

typedef struct {
  const char *name;        // "generate"
  const char *summary;     // "write text with a model": one line, no full stop
  const char *description; // paragraphs separated by "\n\n"
  const char *arguments;   // what follows the options, "[TEXT]"; NULL: nothing may
  const char *examples;    // lines separated by '\n', without a prompt; may be NULL
  const OptionTable *tables[COMMAND_MAX_TABLES]; // own and shared; ends with NULL
  CommandRun *run;
  const char *listing; // a switch beside which required flags may be left out; NULL: none
  bool hidden;
} Command;

typedef struct {
  const char *name, *version, *summary, *description;
  const Command *const *commands; // ends with NULL
} Program;

// The command of that name, or NULL.
const Command *program_command(const Program *program, const char *name);
// Runs what the command line says; returns the exit code of the process.
int program_run(const Program *program, int count, char **words);
