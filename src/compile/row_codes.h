// SPDX-License-Identifier: Apache-2.0
// The code of all row groups of a graph: one text, one shared object; groups that would be the same
// text are one function.
#pragma once
#include "compile/compiler.h"
#include "graph/row_group.h"

typedef struct {
  int groups, functions;
  int64_t source_bytes;
  int64_t emit_ns; // writing the text
  CodeFacts code;  // building or finding it, loading it
} RowCodesFacts;

// Compiles the groups and gives every group node its code. *code is NULL where there is no group;
// code_unload it after the graph. false: no node has code.
CHECKED bool row_codes_make(Graph *graph, Compiler *compiler, CpuTier tier, const char *label,
                            Code **code, RowCodesFacts *facts, Error *error);
