// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"
#include <time.h>

static int64_t nanoseconds_of(struct timespec time) {
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int64_t clock_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return nanoseconds_of(now);
}

double clock_seconds(int64_t nanoseconds) {
  return (double)nanoseconds / 1e9; // correctly rounded, unlike a product with 1e-9
}

int64_t clock_resolution(void) {
  struct timespec resolution;
  clock_getres(CLOCK_MONOTONIC, &resolution);
  return nanoseconds_of(resolution);
}

static void format_now(char *buffer, size_t size, const char *format) {
  time_t now = time(NULL);
  struct tm parts;
  gmtime_r(&now, &parts);
  if (strftime(buffer, size, format, &parts) == 0 && size) buffer[0] = '\0';
}

void clock_iso8601(char *buffer, size_t size) {
  format_now(buffer, size, "%Y-%m-%dT%H:%M:%SZ");
}

void clock_file_stamp(char *buffer, size_t size) {
  format_now(buffer, size, "%Y%m%d_%H%M%S");
}
