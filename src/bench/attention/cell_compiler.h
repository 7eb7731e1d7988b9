// SPDX-License-Identifier: Apache-2.0
// What a cell compiles flex's mods with, and what that took: cold (built, no cache looked at) and
// cached, outside the measured calls.
#pragma once
#include "attention/backend.h"
#include "base/document.h"
#include "bench/attention/config.h"
#include "compile/score_compiler.h"

typedef struct {
  bool wanted, needed; // by the sweep: not interpreted; compiled or nothing
  CpuTier tier;
  const BoundMod *open; // of --dynamic: the cell's mod for any lengths; NULL: code for the cell
  Error closed;         // why that is NULL where it was asked for
  Compiler *compiler;   // NULL: not wanted, or it failed
  ScoreCompiler *maker; // likewise
  Error failed;         // why there is none, where one is wanted
} CellCompiler;

void cell_compiler_open(CellCompiler *compiler, const AttentionSweep *sweep, CpuTier tier);
void cell_compiler_close(CellCompiler *compiler); // a zero one is fine

// What compiling took, from the expression to loaded code.
typedef struct {
  int64_t cold_ns, cached_ns; // 0: not known
} CellCodeTimes;

CellCodeTimes cell_compiler_time(const CellCompiler *compiler, const BoundMod *mod, bool backward);
// Of a plan, in the cell's results (runner.h); null where there is nothing to compile. New
// reference.
json_t *cell_code_json(const AttentionCodeFacts *code, const CellCodeTimes *times,
                       const CellCompiler *compiler);
