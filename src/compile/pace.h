// SPDX-License-Identifier: Apache-2.0
// Which way a program runs next: that which was fastest when all were last looked at. A replay by
// the team needs every thread at every barrier: where another process holds one of the cores, or
// lines travel slowly between them, a small program is sooner done by one thread, a larger one by
// operators that fork by themselves and go on without the thread that is missing.
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef enum {
  PACE_STEPS, // operators fork by themselves
  PACE_TEAM,  // one task of the team
  PACE_ALONE, // the same by the caller's thread
  PACE_WAYS
} PaceWay;

typedef struct {
  bool one_task;           // all of the program is: it can run alone
  PaceWay way;             // of the next run
  int looked;              // runs of that way in this look; -1: nothing is looked at
  int slow;                // runs in a row that took longer than another way did
  int64_t took[PACE_WAYS]; // least of the last look, 0: it was not looked at
  int64_t rest_ns;         // until the next
} Pace;

Pace pace_start(bool one_task);
// How long the run took that went pace->way; sets the way of the next.
void pace_took(Pace *pace, int64_t ns);
// What follows is other work: all ways are looked at again.
void pace_forget(Pace *pace);
