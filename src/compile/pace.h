// SPDX-License-Identifier: Apache-2.0
// Which way a program runs next. A replay needs all its threads at every barrier: where another
// process holds one of their cores it waits for that process, again and again, while operators that
// fork by themselves go on without the thread that is missing. So what the steps took is kept in
// mind, and after a replay that took clearly longer the steps have a few turns, more each time.
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef struct {
  int64_t steps_ns; // what the last run by steps took, 0: not known
  int runs;         // so far
  int turns;        // that the steps still have
  int next_turns;   // that they get after the next slow replay
} Pace;

Pace pace_start(void);
// Whether the next run goes step by step. The first one does, which is cold, and one that is not.
bool pace_by_steps(const Pace *pace);
// How long the run took that went as pace_by_steps said.
void pace_took(Pace *pace, int64_t ns);
// What follows is other work: what the steps took says nothing about it.
void pace_forget(Pace *pace);
