// SPDX-License-Identifier: Apache-2.0
// Tests that are built twice: with COMPILED, mods are compiled where there is a C compiler.
#pragma once
#include "attention/score_code.h"
#ifdef COMPILED
#include "compile/score_compiler.h"
#include <stdlib.h>

typedef struct {
  char folder[64]; // of its code
  Compiler *compiler;
  ScoreCompiler *scores; // NULL: they are interpreted
} Maker;

static inline Maker maker_open(CpuTier tier) {
  Error error;
  Maker maker = {.folder = "/tmp/attometer-maker-XXXXXX"};
  CompilerOptions options = {.tier = tier, .cache_folder = mkdtemp(maker.folder), .interrupt = -1};
  maker.compiler = compiler_open(&options, &error);
  if (maker.compiler)
    maker.scores = score_compiler_open(maker.compiler);
  else
    print_message("# mods are interpreted: %s\n", error.message);
  return maker;
}

static inline void maker_close(Maker *maker) {
  char command[96];
  score_compiler_close(maker->scores);
  compiler_close(maker->compiler);
  snprintf(command, sizeof command, "rm -r %s", maker->folder);
  if (system(command) != 0) print_message("# %s stays\n", maker->folder);
}
#else
typedef struct {
  ScoreCompiler *scores;
} Maker;

static inline Maker maker_open(CpuTier tier) {
  (void)tier;
  return (Maker){NULL};
}

static inline void maker_close(Maker *maker) {
  (void)maker;
}
#endif
