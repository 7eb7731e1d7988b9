// SPDX-License-Identifier: Apache-2.0
// The one clock of every measurement: CLOCK_MONOTONIC in int64 nanoseconds. Subtract first, then
// convert.
#pragma once
#include "base/attributes.h"
#include <stdint.h>

int64_t clock_now(void); // nanoseconds since an arbitrary start
double clock_seconds(int64_t nanoseconds);
int64_t clock_resolution(void);                   // of the clock, nanoseconds
void clock_iso8601(char *buffer, size_t size);    // wall clock now, "2026-11-22T07:24:23Z"
void clock_file_stamp(char *buffer, size_t size); // wall clock now, "20261122_072423"
