// SPDX-License-Identifier: Apache-2.0
// The command line of one command, read by its option tables: --flag value, --flag=value,
// -x value, -xvalue, lists -b 1 2 4 (which end at the next flag), -- before the last arguments.
// A word that is a flag and a value with a blank between ("--dtype float32" in quotes) is no flag.
// A brief flag is also taken as -flag value, before its first letter is looked for.
//
// Getters take the flag as it stands in the table ("--batch-size"); a flag that no table of the
// command has is a fault of the program, caught by an assertion. Values have been checked: getters
// cannot fail. Without a value and without a default, texts are NULL and numbers 0.
#pragma once
#include "cli/command.h"

// words: what follows the command's name. NULL on failure. The words must outlive the result.
CHECKED Arguments *arguments_parse(const Program *program, const Command *command, int count,
                                   char **words, Error *error);
void arguments_free(Arguments *arguments); // NULL is fine
const Program *arguments_program(const Arguments *arguments);
const Command *arguments_command(const Arguments *arguments);
// --help or -h is among the words; nothing else has been checked then.
bool arguments_want_help(const Arguments *arguments);

bool arguments_given(const Arguments *arguments, const char *flag);   // not by default
bool arguments_switch(const Arguments *arguments, const char *flag);  // a switch is on
size_t arguments_count(const Arguments *arguments, const char *flag); // values, default's included
const char *arguments_text(const Arguments *arguments, const char *flag);
int64_t arguments_integer(const Arguments *arguments, const char *flag);
double arguments_real(const Arguments *arguments, const char *flag);
const char *arguments_text_at(const Arguments *arguments, const char *flag, size_t index);
int64_t arguments_integer_at(const Arguments *arguments, const char *flag, size_t index);

size_t arguments_rest_count(const Arguments *arguments); // words that belong to no flag
const char *arguments_rest(const Arguments *arguments, size_t index);
