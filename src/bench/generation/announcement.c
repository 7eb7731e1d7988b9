// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/announcement.h"
#include <stdio.h>
#include <string.h>

// In the order of the line.
enum {
  PART_LATENCY,
  PART_PREFILL,
  PART_DECODE,
  PART_PRECISION,
  PART_VERDICT,
  PART_COUNT,
  PART_SIZE = 60,
  DROPPED = 4 // parts that may be left out
};

typedef char Part[PART_SIZE]; // "": left out

static double median_of(const json_t *ours, const char *tag) {
  const json_t *statistics = json_object_get(ours, "statistics");
  return json_number_value(json_object_get(json_object_get(statistics, tag), "med"));
}

// What was done to be precise, where that was asked for.
static void fill_precision(const json_t *ours, char part[PART_SIZE]) {
  const json_t *precision = json_object_get(ours, "precision");
  part[0] = '\0';
  if (!json_is_object(precision)) return;
  snprintf(part, PART_SIZE, "+- %.2g %% after %lld runs",
           100 * json_number_value(json_object_get(precision, "reached")),
           (long long)json_integer_value(json_object_get(precision, "iterations")));
}

// Returns whether the verdict is good.
static bool fill(const json_t *ours, Part *parts) {
  const json_t *correctness = json_object_get(ours, "correctness");
  const char *verdict = json_string_value(json_object_get(correctness, "verdict"));
  bool valid = verdict && strcmp(verdict, "valid") == 0;
  snprintf(parts[PART_LATENCY], PART_SIZE, "%.4g ms", median_of(ours, "e2e_latency") * 1e3);
  snprintf(parts[PART_PREFILL], PART_SIZE, "prefill %.0f tok/s",
           median_of(ours, "prefill_throughput"));
  snprintf(parts[PART_DECODE], PART_SIZE, "decode %.0f tok/s",
           median_of(ours, "decode_throughput"));
  fill_precision(ours, parts[PART_PRECISION]);
  snprintf(parts[PART_VERDICT], PART_SIZE, "%s (error %.2g)", valid ? "valid" : "invalid",
           json_number_value(json_object_get(correctness, "error")));
  return valid;
}

static void join(Part *parts, char line[ANNOUNCEMENT_SIZE]) {
  size_t used = 0;
  line[0] = '\0';
  for (int i = 0; i < PART_COUNT; i++) {
    if (!parts[i][0]) continue;
    snprintf(line + used, ANNOUNCEMENT_SIZE - used, "%s%s", used ? ", " : "", parts[i]);
    used = strlen(line);
  }
}

void announcement_measured(const json_t *ours, int room, char line[ANNOUNCEMENT_SIZE]) {
  static const int orders[][DROPPED] = {{PART_PRECISION, PART_PREFILL, PART_DECODE, PART_VERDICT},
                                        {PART_VERDICT, PART_PRECISION, PART_PREFILL, PART_DECODE}};
  Part parts[PART_COUNT];
  const int *order = orders[fill(ours, parts)];
  join(parts, line);
  for (int i = 0; i < DROPPED && (int)strlen(line) > room; i++) {
    parts[order[i]][0] = '\0';
    join(parts, line);
  }
}
