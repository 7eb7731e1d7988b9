// SPDX-License-Identifier: Apache-2.0
#include "statistics/timing.h"
#include "statistics/sample.h"
#include <math.h>

static const int64_t warmup_ns = 1000000000; // no further warmup call begins after that
static const int64_t burst_ns = 5000000;     // that one turn should take
enum { MOST_BURST = 16, SHARE_COLD = 4 };    // cold calls get a quarter of the time

static int64_t timed(const TimingPlan *plan, const TimedCall *call) {
  int64_t start = plan->now();
  call->run(call->context);
  return plan->now() - start;
}

static void begin_turn(const TimedCall *call) {
  if (call->before) call->before(call->context);
}

void timing_warm_up(const TimingPlan *plan, TimedCall *call) {
  int64_t start = plan->now();
  begin_turn(call);
  call->cost_ns = timed(plan, call);
  for (int64_t i = 1; i < plan->warmup && plan->now() - start < warmup_ns; i++) {
    int64_t taken = timed(plan, call);
    if (taken < call->cost_ns) call->cost_ns = taken;
  }
}

static double middle(const double *sorted, int count) {
  return sample_quantile(sorted, (size_t)count, 0.5);
}

TimingSummary timing_summary(const int64_t *values_ns, int count) {
  double values[TIMING_MOST], distances[TIMING_MOST];
  if (count == 0) return (TimingSummary){NAN, NAN, NAN, 0};
  for (int i = 0; i < count; i++) values[i] = (double)values_ns[i];
  sample_sort(values, (size_t)count);
  double median = middle(values, count);
  for (int i = 0; i < count; i++) distances[i] = fabs(values[i] - median);
  sample_sort(distances, (size_t)count);
  double deviation = middle(distances, count);
  // 1.4826 deviations are a standard deviation of a normal spread, whose median has 1.2533 times
  // the standard error of its mean
  double noise = 1.2533 * 1.4826 * deviation / sqrt((double)count) / median;
  return (TimingSummary){median, deviation, noise, (int64_t)values[0]};
}

static int most_of(const TimingPlan *plan) {
  return plan->most ? plan->most : TIMING_MOST;
}

static bool is_done(const TimingPlan *plan, const TimedCall *call, int64_t used, int64_t time_ns) {
  if (call->count < TIMING_LEAST) return false;
  if (call->count == most_of(plan) || used >= time_ns) return true;
  return call->count >= TIMING_ENOUGH &&
         timing_summary(call->values_ns, call->count).noise <= TIMING_NOISE;
}

// Timed calls of one turn.
static int burst_of(const TimingPlan *plan, const TimedCall *call) {
  int64_t fitting = plan->flush ? 1 : burst_ns / (call->cost_ns + 1);
  int64_t left = most_of(plan) - call->count;
  int64_t burst = fitting < 1 ? 1 : fitting > MOST_BURST ? MOST_BURST : fitting;
  return (int)(burst < left ? burst : left);
}

// Returns the time that its timed calls took.
static int64_t take_turn(const TimingPlan *plan, TimedCall *call) {
  int64_t used = 0;
  begin_turn(call);
  // A call that is long brings its own working set in; a short one is preceded by another.
  if (!plan->flush && call->cost_ns < burst_ns) call->run(call->context);
  for (int burst = burst_of(plan, call); burst > 0; burst--) {
    if (plan->flush) plan->flush(plan->flush_context);
    int64_t taken = timed(plan, call);
    call->values_ns[call->count++] = taken;
    used += taken;
  }
  return used;
}

void timing_run(const TimingPlan *plan, TimedCall *calls, int count) {
  enum { MOST_CALLS = 32 };
  int64_t used[MOST_CALLS] = {0},
          time_ns = plan->flush ? plan->time_ns / SHARE_COLD : plan->time_ns;
  bool left = count > 0 && count <= MOST_CALLS;
  for (int i = 0; i < count; i++) calls[i].count = 0;
  for (int round = 0; left; round++) {
    left = false;
    for (int i = 0; i < count; i++) {
      int at = (i + round) % count;
      if (is_done(plan, &calls[at], used[at], time_ns)) continue;
      used[at] += take_turn(plan, &calls[at]);
      left = true;
    }
  }
}
