// SPDX-License-Identifier: Apache-2.0
// An executable: a graph made ready to run again and again: every address is known, nothing is
// allocated, checked or looked up. Two ways to run it:
//
//   step by step   each operator forks the team by itself (compile mode "default")
//   replay         one task of the resident team walks all of it ("reduce-overhead"): large
//                  operators by parts, small ones by every thread for itself into memory of its
//                  own, and a barrier only where data crosses threads
//
// An operator that can only fork by itself ends a stretch of the replay and begins the next. Where
// that is sooner, one thread walks all of it, or it goes step by step (compile/pace.h): all ways
// give the same bits.
#pragma once
#include "graph/steps.h"

typedef struct Executable Executable;

typedef struct {
  const Kernels *kernels;
  Team *team;
  bool replay;
  LengthTable *lengths; // the graph is the longest of these: it runs at any length up to that.
                        // Taken over (also when it fails). NULL: one length
} ExecutableOptions;

typedef struct {
  int steps, stretches, barriers; // of a replay; barriers of the longest way through it
  int64_t planned_bytes;          // for results, all threads together
  int64_t unshared_bytes;         // that results would take if none shared
  int64_t scratch_bytes;
} ExecutableFacts;

// Takes the graph over (also when it fails).
CHECKED Executable *executable_open(Graph *graph, const ExecutableOptions *options, Error *error);
void executable_close(Executable *executable); // NULL is fine
ExecutableFacts executable_facts(const Executable *executable);
// The length of the runs that follow; at first it is the recorded one. Only with `lengths`.
CHECKED bool executable_set_length(Executable *executable, int64_t length, Error *error);
// Runs it. Outputs are those of the graph and stay until the next run.
void executable_run(Executable *executable);
int executable_output_count(const Executable *executable);
const Tensor *executable_output(const Executable *executable, int index);

// For a tuner, which tries other attributes on steps as they stand in a finished run, with the
// memory that run left. Steps are those of the length that was set last.
const Steps *executable_steps(const Executable *executable);
// Of the same operator; they must live as long as they are used. Their scratch is made room for
// before the step runs: false where there is no memory for it, and what was is still there.
void executable_set_attributes(Executable *executable, int index, const void *attributes);
CHECKED bool executable_make_room(Executable *executable, Error *error);
// A copy that lives as long as the executable.
const void *executable_keep(Executable *executable, const void *bytes, size_t size);
// Runs one step by itself, as it runs in a run of all.
void executable_run_step(Executable *executable, int index);
