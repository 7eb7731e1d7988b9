// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/pacing.h"
#include "base/clock.h"
#include <math.h>
#include <poll.h>
#include <stdio.h>

Pacing pacing_begin(const PacingOptions *options) {
  return (Pacing){.options = *options, .start = clock_now()};
}

static double expected_seconds(const Pacing *pacing, const CostEstimate *estimate) {
  if (!estimate) return 0.0;
  if (estimate->source == ESTIMATE_EARLIER || pacing->count == 0) return estimate->seconds;
  return estimate->seconds * exp(pacing->log_sum / (double)pacing->count);
}

bool pacing_fits(const Pacing *pacing, const CostEstimate *estimate, int64_t now, char *reason,
                 size_t size) {
  if (pacing->options.budget == 0.0) return true;
  double left = pacing->options.budget - clock_seconds(now - pacing->start);
  double needed = expected_seconds(pacing, estimate);
  if (left > 0.0 && needed <= left) return true;
  snprintf(reason, size, "left for --resume: needs about %.3g s, %.3g s of --time-budget remain",
           needed, left > 0.0 ? left : 0.0);
  return false;
}

void pacing_took(Pacing *pacing, const CostEstimate *estimate, double seconds) {
  pacing->started = true;
  bool tells = estimate && estimate->source == ESTIMATE_CEILINGS && estimate->seconds > 0.0;
  if (!tells || !(seconds > 0.0)) return;
  pacing->count++;
  pacing->log_sum += log(seconds / estimate->seconds);
}

bool pacing_wait(Pacing *pacing, int interrupt, Error *error) {
  if (!pacing->started || pacing->options.cool_down == 0.0) return true;
  int64_t end = clock_now() + (int64_t)(pacing->options.cool_down * 1e9), now;
  while ((now = clock_now()) < end) {
    struct pollfd descriptor = {.fd = interrupt, .events = POLLIN};
    int64_t wait = (end - now) / 1000000 + 1;
    if (poll(&descriptor, 1, wait < 60000 ? (int)wait : 60000) > 0)
      return error_set(error, ERROR_INTERRUPTED, NULL, "interrupted");
  }
  return true;
}
