// SPDX-License-Identifier: Apache-2.0
// Times of several calls side by side: they take turns round by round, so that whatever disturbs
// the machine disturbs all, and the one that begins a round changes.
//
//   warm   before each turn an untimed call, then a burst of timed ones
//   cold   every timed call follows a flush of the caches
//
// A call has been timed enough when it has TIMING_ENOUGH values whose median is known to within
// TIMING_NOISE, or has used its time; it has at least TIMING_LEAST in any case. What is called is a
// TimedCall, so that the order can be tested without an engine.
#pragma once
#include "base/attributes.h"
#include <stdbool.h>
#include <stdint.h>

enum { TIMING_LEAST = 3, TIMING_ENOUGH = 7, TIMING_MOST = 400 };
#define TIMING_NOISE 0.005

typedef struct {
  void *context;
  void (*before)(void *context); // what a turn must begin with, untimed; NULL: nothing
  void (*run)(void *context);    // what is timed
  int64_t cost_ns;               // filled: the shortest call of the warmup
  int64_t *values_ns;            // [TIMING_MOST] of the caller; filled
  int count;                     // filled
} TimedCall;

typedef struct {
  int64_t warmup;             // calls before the timed ones; fewer where they take over a second
  int64_t time_ns;            // of timed calls, for each
  int most;                   // of timed calls, for each; 0: TIMING_MOST
  void (*flush)(void *flush); // cold: empties the caches; NULL: warm
  void *flush_context;
  int64_t (*now)(void); // clock_now
} TimingPlan;

// Calls it a few times and fills cost_ns.
void timing_warm_up(const TimingPlan *plan, TimedCall *call);
// Times all; they have been warmed up.
void timing_run(const TimingPlan *plan, TimedCall *calls, int count);

// The median and the median distance from it.
typedef struct {
  double median, deviation;
  double noise; // standard error of the median over the median, estimated from the deviation
  int64_t least;
} TimingSummary;

TimingSummary timing_summary(const int64_t *values_ns, int count);
