// SPDX-License-Identifier: Apache-2.0
#include "report/unit.h"
#include "base/attributes.h"
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

typedef struct {
  double scale;
  const char *name;
} Step;

// Each from the largest to the smallest.
static const Step seconds[] = {{1, "s"}, {1e-3, "ms"}, {1e-6, "us"}, {1e-9, "ns"}};
static const Step bytes[] = {{1e12, "TB"}, {1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}, {1, "B"}};
static const Step byte_rates[] = {{1e9, "GB/s"}, {1e6, "MB/s"}, {1e3, "kB/s"}, {1, "B/s"}};
static const Step flop_rates[] = {{1e12, "TFLOP/s"}, {1e9, "GFLOP/s"}, {1e6, "MFLOP/s"}};
static const Step shares[] = {{0.01, "%"}};

static const struct {
  const char *unit;
  const Step *steps;
  size_t count;
} units[] = {
    {"seconds", seconds, COUNT_OF(seconds)},       {"bytes", bytes, COUNT_OF(bytes)},
    {"bytes/s", byte_rates, COUNT_OF(byte_rates)}, {"flop/s", flop_rates, COUNT_OF(flop_rates)},
    {"share", shares, COUNT_OF(shares)},
};

// Three significant digits, never in scientific form for everyday sizes.
static void append_number(double value, char *buffer, size_t size) {
  double magnitude = fabs(value);
  int decimals = magnitude >= 99.95 ? 0 : magnitude >= 9.995 ? 1 : 2;
  if (magnitude >= 1e15)
    snprintf(buffer, size, "%.3g", value);
  else
    snprintf(buffer, size, "%.*f", decimals, value);
}

static char *with_unit(double value, const char *name, char *buffer, size_t size) {
  char number[48];
  append_number(value, number, sizeof number);
  snprintf(buffer, size, name[0] ? "%s %s" : "%s%s", number, name);
  return buffer;
}

static const Step *step_for(double value, const Step *steps, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (fabs(value) >= steps[i].scale) return &steps[i];
  return &steps[count - 1];
}

char *unit_text(double value, const char *unit, char *buffer, size_t size) {
  if (!isfinite(value)) {
    snprintf(buffer, size, "-");
    return buffer;
  }
  for (size_t i = 0; i < COUNT_OF(units); i++) {
    if (strcmp(units[i].unit, unit) != 0) continue;
    const Step *step = step_for(value, units[i].steps, units[i].count);
    return with_unit(value / step->scale, step->name, buffer, size);
  }
  return with_unit(value, unit, buffer, size);
}

static bool said_in_head(const char *unit) {
  return strcmp(unit, "tok/s") == 0;
}

char *unit_cell_text(double value, const char *unit, char *buffer, size_t size) {
  return unit_text(value, said_in_head(unit) ? "" : unit, buffer, size);
}

const char *unit_head(const char *unit) {
  return said_in_head(unit) ? unit : "";
}
