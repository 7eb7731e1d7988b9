// SPDX-License-Identifier: Apache-2.0
// When the requests of a load arrive. Times are the schedule's: a request that the engine is too
// busy to take is late from then on, so that no omission is coordinated with the engine.
#pragma once
#include "base/error.h"
#include <stdint.h>

typedef enum {
  ARRIVALS_ALL,         // "all": at the start
  ARRIVALS_RATE,        // "rate:R": one every 1 / R seconds
  ARRIVALS_POISSON,     // "poisson:R": gaps drawn from an exponential distribution, R a second
  ARRIVALS_BURST,       // "burst:N,T": N at once, every T seconds
  ARRIVALS_CONCURRENCY, // "concurrency:C": C at the start, the next when one ends
  ARRIVALS_LISTED,      // "listed": as the requests say
} ArrivalKind;

typedef struct {
  ArrivalKind kind;
  double rate;    // a second
  int64_t number; // of a burst, or at once
  double every;   // seconds from burst to burst
} Arrivals;

enum { ARRIVALS_TEXT = 64 };

// ERROR_ARGUMENT says what was found and what the forms are. "listed" has no text on the command
// line, and is read only where `listed`.
CHECKED bool arrivals_parse(const char *text, bool listed, Arrivals *arrivals, Error *error);
void arrivals_text(const Arrivals *arrivals, char text[ARRIVALS_TEXT]);
// Nanoseconds from the start for each of `count` requests, ascending; 0 where one waits for
// another's end. Not of ARRIVALS_LISTED.
void arrivals_times(const Arrivals *arrivals, uint64_t seed, int64_t count, int64_t *times);
