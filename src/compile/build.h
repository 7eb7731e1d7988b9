// SPDX-License-Identifier: Apache-2.0
// One C source text to one shared object, by the system's compiler in a private folder, with a time
// limit. Several run at once.
#pragma once
#include "base/text.h"
#include "compile/toolchain.h"
#include <stdint.h>

typedef struct {
  const char *name;         // of the source file, for messages: "program"
  const char *source;       // C text; includes nothing
  const char *const *flags; // NULL-terminated, beside those that make a shared object
} BuildJob;

typedef struct {
  bool done;
  Text object;      // the bytes of the shared object; caller frees
  Text messages;    // what the compiler said, its end; warnings too; caller frees
  int64_t build_ns; // from start to end
  Error error;      // when it is not done: the compiler failed, hung, was killed, cannot be run
} Build;

typedef struct {
  const Toolchain *toolchain;
  int64_t timeout_ns; // of each
  int at_once;        // compilers running together, at least 1
  int interrupt;      // descriptor that ends it when readable; -1: none
} BuildOptions;

// Fills builds[count]. False only when no private folder can be made or on interruption; a job that
// failed says so in its Build.
CHECKED bool build_all(const BuildOptions *options, const BuildJob *jobs, int count, Build *builds,
                       Error *error);
void build_free(Build *build);
