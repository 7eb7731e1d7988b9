// SPDX-License-Identifier: Apache-2.0
// One row per option of the command line. The rows of a command make its parser, its --help, its
// part of the man page, of docs/cli.md and of the shell completions: adding an option is adding a
// row, and reading it with a getter of cli/arguments.h.
#pragma once
#include "base/error.h"
#include "base/text.h"
#include <math.h>
#include <stdint.h>

typedef enum {
  OPTION_SWITCH,  // no value: given or not
  OPTION_TEXT,    // any text
  OPTION_INTEGER, // decimal int64
  OPTION_REAL,    // a finite number
  OPTION_SHARE,   // the same, or a percentage: 0.02, 2%
  OPTION_CHOICE,  // one of `choices`
} OptionKind;

typedef struct {
  const char *flag; // "--batch-size"
  char letter;      // 'b' for -b; 0: none
  OptionKind kind;
  bool brief;                // the whole name may also follow a single dash: -dtype
  bool list;                 // one value or more; a repeated flag adds to them. Numbers and choices
                             // may also be separated by commas
  bool required;             // the command does not run without it
  bool hidden;               // left out of help and documents
  bool later;                // a flag of later work: using it answers "not in this build"
  const char *placeholder;   // "N", "FILE"; NULL: made from the kind
  const char *choices;       // OPTION_CHOICE: names separated by '|'
  const char *later_choices; // names of later work: they answer "not in this build"
  double least, most;        // range of numbers, both ends in it; both 0: any. INFINITY: no end
  const char *implied;       // of a list: the value where none follows the flag; NULL: one must
  const char *standard;      // the default, as it would be typed (lists: separated by spaces)
  const char *standard_help; // shown in place of a default that is found at run time
  const char *help;          // one sentence, no capital, no full stop
} Option;

// Options under one heading of the help. Tables are shared between commands by address.
typedef struct {
  const char *title; // "Engine"
  const Option *options;
  size_t count;
} OptionTable;

#define OPTION_TABLE(TITLE, OPTIONS)                                                               \
  { TITLE, OPTIONS, sizeof(OPTIONS) / sizeof((OPTIONS)[0]) }

// One value as it was read. `text` is always there and belongs to the command line, or to the
// Arguments.
typedef struct {
  const char *text;
  int64_t integer; // OPTION_INTEGER
  double real;     // OPTION_REAL, OPTION_SHARE (0.02), OPTION_INTEGER
} OptionValue;

// Reads one value. An error names the flag, the value, and what was expected.
CHECKED bool option_value(const Option *option, const char *text, OptionValue *value, Error *error);
// What a value must be: "an integer, at least 1", "one of eager, sdpa".
void option_expected(const Option *option, Text *out);
// "N", "N...", "eager|sdpa", "" for a switch: what follows the flag in help.
void option_placeholder(const Option *option, Text *out);
// "-b, --batch-size N...", "-dtype, --dtype NAME"
void option_usage(const Option *option, Text *out);
// Whether a comma separates values of this list.
bool option_splits(const Option *option);
// Whether `name` (size bytes) is one of the names in "a|b|c"; NULL choices have none.
bool option_has_choice(const char *choices, const char *name, size_t size);
// Calls visit for each name of "a|b|c".
void option_each_choice(const char *choices, void (*visit)(Span name, void *context),
                        void *context);
