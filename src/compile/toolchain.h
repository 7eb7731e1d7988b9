// SPDX-License-Identifier: Apache-2.0
// The system's C compiler, found at run time: the first of $CC, cc, gcc, clang that answers
// --version. $CC may hold several words ("ccache gcc").
#pragma once
#include "base/error.h"

enum { TOOLCHAIN_WORDS = 8, TOOLCHAIN_TEXT = 512 };

typedef struct {
  char text[TOOLCHAIN_TEXT];              // the words, each NUL-terminated
  const char *words[TOOLCHAIN_WORDS + 1]; // of the command, NULL-terminated; the first is a path
  char identity[TOOLCHAIN_TEXT];          // files, sizes and times of the words that are programs:
                                          // changes when the compiler does
  char version[256];                      // first line of --version
} Toolchain;

// ERROR_UNSUPPORTED with what was tried when there is none. `interrupt` ends the wait when
// readable, or is -1. A compiler that does not answer within seconds counts as none.
CHECKED bool toolchain_find(Toolchain *toolchain, int interrupt, Error *error);
// Whether there is a file to ask, without asking it.
CHECKED bool toolchain_exists(Error *error);
