// SPDX-License-Identifier: Apache-2.0
#include "compile/pace.h"

enum {
  LOOK_AGAIN = 8, // the run that tells what the warm steps take
  MOST_TURNS = 64,
  SLOW_PERCENT = 125 // of what the steps took
};

Pace pace_start(void) {
  return (Pace){.next_turns = 1};
}

bool pace_by_steps(const Pace *pace) {
  return pace->runs == 0 || pace->runs == LOOK_AGAIN || pace->turns > 0;
}

static void judge_replay(Pace *pace, int64_t ns) {
  if (pace->steps_ns == 0 || ns <= pace->steps_ns * SLOW_PERCENT / 100) {
    pace->next_turns = 1;
    return;
  }
  pace->turns = pace->next_turns;
  if (pace->next_turns < MOST_TURNS) pace->next_turns *= 2;
}

void pace_took(Pace *pace, int64_t ns) {
  bool steps = pace_by_steps(pace);
  if (pace->runs <= LOOK_AGAIN) pace->runs++;
  if (!steps) {
    judge_replay(pace, ns);
    return;
  }
  pace->steps_ns = ns;
  if (pace->turns > 0) pace->turns--;
}

void pace_forget(Pace *pace) {
  pace->steps_ns = 0;
}
