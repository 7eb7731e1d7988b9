// SPDX-License-Identifier: Apache-2.0
#include "compile/pace.h"

enum {
  LOOK_RUNS = 2,           // of each way: the first may be cold
  REST = 32,               // of the time of a look: looking costs about 3 %
  SLOW_RUNS = 4,           // in a row are no accident
  SLOW_PERCENT = 125,      // of what another way took
  MOST_ALONE = 100 * 1000, // nanoseconds by steps: above, one thread is not tried
};

static void start_look(Pace *pace) {
  *pace = (Pace){.one_task = pace->one_task};
}

Pace pace_start(bool one_task) {
  return (Pace){.one_task = one_task};
}

void pace_forget(Pace *pace) {
  start_look(pace);
}

static PaceWay fastest(const Pace *pace) {
  PaceWay best = PACE_STEPS;
  for (PaceWay way = best + 1; way < PACE_WAYS; way++)
    if (pace->took[way] && pace->took[way] < pace->took[best]) best = way;
  return best;
}

static bool is_tried(const Pace *pace, PaceWay way) {
  return way == PACE_TEAM ||
         (way == PACE_ALONE && pace->one_task && pace->took[PACE_STEPS] < MOST_ALONE);
}

// What the look takes where nothing delays a run: one that waited long for its core is no reason to
// look later.
static int64_t look_ns(const Pace *pace) {
  int64_t sum = 0;
  for (PaceWay way = PACE_STEPS; way < PACE_WAYS; way++) sum += pace->took[way];
  return LOOK_RUNS * sum;
}

// The next way of the look, or its end.
static void look_on(Pace *pace) {
  pace->looked = 0;
  do pace->way++;
  while (pace->way < PACE_WAYS && !is_tried(pace, pace->way));
  if (pace->way < PACE_WAYS) return;
  pace->way = fastest(pace);
  pace->looked = -1;
  pace->rest_ns = REST * look_ns(pace);
}

static void look(Pace *pace, int64_t ns) {
  int64_t *took = &pace->took[pace->way];
  if (ns < 1) ns = 1;
  if (!*took || ns < *took) *took = ns;
  if (++pace->looked == LOOK_RUNS) look_on(pace);
}

// Whether another way took clearly less in the last look.
static bool is_slow(const Pace *pace, int64_t ns) {
  for (PaceWay way = PACE_STEPS; way < PACE_WAYS; way++)
    if (way != pace->way && pace->took[way] && pace->took[way] * SLOW_PERCENT / 100 < ns)
      return true;
  return false;
}

void pace_took(Pace *pace, int64_t ns) {
  if (pace->looked >= 0) {
    look(pace, ns);
    return;
  }
  pace->slow = is_slow(pace, ns) ? pace->slow + 1 : 0;
  pace->rest_ns -= ns;
  if (pace->rest_ns < 0 || pace->slow == SLOW_RUNS) start_look(pace);
}
