// SPDX-License-Identifier: Apache-2.0
// A child process that answers in lines: the parent gives it one input (a descriptor that becomes
// its standard input), reads its standard output line by line, and keeps the end of what it wrote
// on standard error. Waiting always has a deadline and can be interrupted.
#pragma once
#include "base/error.h"
#include "base/text.h"
#include <stdint.h>
#include <sys/types.h>

typedef struct Child Child;

typedef struct {
  const char *program;    // path; "/proc/self/exe" re-executes this program
  char *const *arguments; // argv, NULL-terminated, argv[0] included
  int input;              // becomes the child's standard input; -1: /dev/null
  const int *descriptors; // [descriptor_count]: become 3, 4, … of the child
  int descriptor_count;   // at most CHILD_MAX_DESCRIPTORS; nothing else is inherited
} ChildOptions;

enum { CHILD_MAX_DESCRIPTORS = 8, CHILD_FIRST_DESCRIPTOR = 3, CHILD_LINE_LIMIT = 256 << 20 };

typedef enum {
  CHILD_LINE,        // a line was read
  CHILD_ENDED,       // the child closed its output
  CHILD_TIMED_OUT,   // the deadline passed
  CHILD_INTERRUPTED, // the interrupt descriptor became readable
  CHILD_FLOODED,     // a line longer than CHILD_LINE_LIMIT
} ChildEvent;

// How it ended: exit code, or the signal that ended it (then exit_code is -1).
typedef struct {
  int exit_code, signal;
  int64_t peak_bytes; // largest resident size it had, by the kernel's account
} ChildEnd;

// Starts it in a process group of its own (a Ctrl-C reaches the parent alone), with default
// signal dispositions and an empty signal mask.
CHECKED Child *child_start(const ChildOptions *options, Error *error);
// Waits for the next line until `deadline` (clock_now's time). *line lives until the next call.
// `interrupt` is a descriptor that ends the wait when readable, or -1.
ChildEvent child_next_line(Child *child, int64_t deadline, int interrupt, Span *line);
// Ends it (SIGKILL to its group) unless it ended by itself within `patience` nanoseconds, frees
// it, and says how it ended. `errors` receives the last 4 KiB of its standard error, or is NULL.
ChildEnd child_finish(Child *child, int64_t patience, Text *errors);
pid_t child_process(const Child *child);
