// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/arrivals.h"
#include "base/random.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double nanoseconds = 1e9;
static const double longest = 1e6, fastest = 1e9; // seconds, requests a second
enum { MOST_AT_ONCE = 1 << 20 };

// Reads a number from least to most up to `stop`.
static bool number(const char **text, char stop, double least, double most, double *out) {
  char *end;
  if ((**text < '0' || **text > '9') && **text != '.') return false;
  *out = strtod(*text, &end);
  if (end == *text || *end != stop || !(*out >= least && *out <= most)) return false;
  *text = end + (stop != '\0');
  return true;
}

static bool count(const char **text, char stop, int64_t *out) {
  double value;
  if (!number(text, stop, 1, MOST_AT_ONCE, &value) || value != floor(value)) return false;
  *out = (int64_t)value;
  return true;
}

// The text behind "name:"; NULL: another name.
static const char *behind(const char *text, const char *name) {
  size_t size = strlen(name);
  return strncmp(text, name, size) == 0 && text[size] == ':' ? text + size + 1 : NULL;
}

static bool parse(const char *text, bool listed, Arrivals *arrivals) {
  const char *rest;
  *arrivals = (Arrivals){.kind = ARRIVALS_ALL};
  if (strcmp(text, "all") == 0) return true;
  if (listed && strcmp(text, "listed") == 0) {
    arrivals->kind = ARRIVALS_LISTED;
    return true;
  }
  if ((rest = behind(text, "rate")) || (rest = behind(text, "poisson"))) {
    arrivals->kind = text[0] == 'r' ? ARRIVALS_RATE : ARRIVALS_POISSON;
    return number(&rest, '\0', 1 / longest, fastest, &arrivals->rate);
  }
  if ((rest = behind(text, "burst"))) {
    arrivals->kind = ARRIVALS_BURST;
    return count(&rest, ',', &arrivals->number) &&
           number(&rest, '\0', 1 / fastest, longest, &arrivals->every);
  }
  arrivals->kind = ARRIVALS_CONCURRENCY;
  return (rest = behind(text, "concurrency")) && count(&rest, '\0', &arrivals->number);
}

bool arrivals_parse(const char *text, bool listed, Arrivals *arrivals, Error *error) {
  return parse(text, listed, arrivals) ||
         error_set(error, ERROR_ARGUMENT, "--arrivals",
                   "is \"%s\", expected all, rate:R, poisson:R (R a second), burst:N,T (N every T "
                   "seconds) or concurrency:C",
                   text);
}

void arrivals_text(const Arrivals *arrivals, char text[ARRIVALS_TEXT]) {
  switch (arrivals->kind) {
  case ARRIVALS_ALL: snprintf(text, ARRIVALS_TEXT, "all"); break;
  case ARRIVALS_RATE: snprintf(text, ARRIVALS_TEXT, "rate:%.17g", arrivals->rate); break;
  case ARRIVALS_POISSON: snprintf(text, ARRIVALS_TEXT, "poisson:%.17g", arrivals->rate); break;
  case ARRIVALS_BURST:
    snprintf(text, ARRIVALS_TEXT, "burst:%lld,%.17g", (long long)arrivals->number, arrivals->every);
    break;
  case ARRIVALS_CONCURRENCY:
    snprintf(text, ARRIVALS_TEXT, "concurrency:%lld", (long long)arrivals->number);
    break;
  case ARRIVALS_LISTED: snprintf(text, ARRIVALS_TEXT, "listed"); break;
  }
}

static double seconds_of(const Arrivals *arrivals, int64_t index) {
  switch (arrivals->kind) {
  case ARRIVALS_RATE: return (double)index / arrivals->rate;
  case ARRIVALS_BURST: return (double)(index / arrivals->number) * arrivals->every;
  default: return 0;
  }
}

void arrivals_times(const Arrivals *arrivals, uint64_t seed, int64_t requests, int64_t *times) {
  Random random = random_seeded(seed);
  double at = 0;
  for (int64_t i = 0; i < requests; i++) {
    if (arrivals->kind == ARRIVALS_POISSON)
      at -= log1p(-random_unit(&random)) / arrivals->rate;
    else
      at = seconds_of(arrivals, i);
    times[i] = (int64_t)llround(at * nanoseconds);
  }
}
