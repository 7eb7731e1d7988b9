// SPDX-License-Identifier: Apache-2.0
// The ScoreCompiler of a machine that has a C compiler: mods as C text (score_text.h), built and
// kept by a Compiler. A forward and a backward program are built at once.
#pragma once
#include "attention/score_code.h"
#include "compile/compiler.h"

// The compiler outlives it.
ScoreCompiler *score_compiler_open(Compiler *compiler);
void score_compiler_close(ScoreCompiler *compiler); // after its jobs have ended; NULL is fine
