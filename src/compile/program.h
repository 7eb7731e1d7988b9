// SPDX-License-Identifier: Apache-2.0
// A graph made ready to run again and again: every address is known, nothing is allocated, checked
// or looked up. Two ways to run the same program:
//
//   step by step   each operator forks the team by itself (compile mode "default")
//   replay         one task of the resident team walks the whole program ("reduce-overhead"): large
//                  operators by parts, small ones by every thread for itself into memory of its
//                  own, and a barrier only where data crosses threads
//
// An operator that can only fork by itself ends a stretch of the replay and begins the next.
#pragma once
#include "graph/graph.h"

typedef struct Program Program;

typedef struct {
  const Kernels *kernels;
  Team *team;
  bool replay;
} ProgramOptions;

typedef struct {
  int steps, stretches, barriers; // of a replay; barriers of the longest way through it
  int64_t planned_bytes;          // for results, all threads together
  int64_t unshared_bytes;         // that results would take if none shared
  int64_t scratch_bytes;
} ProgramFacts;

// Takes the graph over (also when it fails).
CHECKED Program *program_open(Graph *graph, const ProgramOptions *options, Error *error);
void program_close(Program *program); // NULL is fine
ProgramFacts program_facts(const Program *program);
// Runs it. Outputs are those of the graph and stay until the next run.
void program_run(Program *program);
int program_output_count(const Program *program);
const Tensor *program_output(const Program *program, int index);
