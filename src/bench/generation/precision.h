// SPDX-License-Identifier: Apache-2.0
// How sure the time of decoding is: half the 95 % bootstrap interval of the median inter-token
// latency, as a share of that median. Measured runs may go on until it is small enough. Looking at
// it again and again makes the interval cover a little less than 95 % (Chow & Robbins 1965: the
// coverage is right in the limit of small bounds), which is why it bounds a width and is no
// verdict.
#pragma once
#include "bench/generation/token_times.h"
#include <jansson.h>

typedef struct {
  double until; // what is asked for: 0.02; 0: nothing, the number of runs is fixed
  int64_t most; // measured runs at the most, where something is asked for
} PrecisionGoal;

// Of `count` runs that lie one behind the other, times [count, batch, new_tokens] from `first` on.
// NaN: fewer than two.
double precision_reached(const TokenTimes *first, int64_t count);
// How many runs there should be when it is next looked at.
int64_t precision_next_look(int64_t count, int64_t most);
// {"metric", "until", "reached", "within", "iterations", "least", "most"}; null: nothing was asked
// for. New reference.
json_t *precision_json(const PrecisionGoal *goal, double reached, int64_t least, int64_t count);
