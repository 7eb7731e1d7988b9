// SPDX-License-Identifier: Apache-2.0
#include "report/attention/series.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

// Eight colours that people with any colour vision tell apart (Okabe & Ito 2008), the yellow and
// the black of them replaced by tones that light and dark backgrounds bear.
static const char *const names[SERIES_COLOURS] = {"og-eager", "math", "efficient", "fav2",
                                                  "flex",     "fakv", "cudnn",     "fav3"};
static const char *const classes[SERIES_COLOURS] = {"s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7"};
#define COLOUR(CLASS, VALUE)                                                                       \
  "." CLASS "{stroke:" VALUE "}." CLASS " circle,." CLASS " polygon{fill:" VALUE "}\n"
const char series_style[] = COLOUR("s0", "#868e96") COLOUR("s1", "#e69f00") COLOUR("s2", "#56b4e9")
    COLOUR("s3", "#0072b2") COLOUR("s4", "#d55e00") COLOUR("s5", "#009e73") COLOUR("s6", "#b59f00")
        COLOUR("s7", "#cc79a7");

int series_colour(const char *backend) {
  for (int i = 0; i < SERIES_COLOURS; i++)
    if (strcmp(names[i], backend) == 0) return i;
  return (int)(strlen(backend) % SERIES_COLOURS);
}

const char *series_class(const char *backend) {
  return classes[series_colour(backend)];
}

static int64_t asked(const AttentionRow *row, const char *key) {
  return json_integer_value(json_object_get(json_object_get(row->source, "config"), key));
}

int64_t series_cache(const AttentionRow *row) {
  return asked(row, "kv_size");
}

int64_t series_batch(const AttentionRow *row) {
  int64_t documents = asked(row, "documents");
  return documents > 0 ? documents : row->batch;
}

bool series_same_group(const AttentionRow *a, const AttentionRow *b) {
  bool same = series_cache(a) == series_cache(b) &&
              (series_cache(a) > 0 || series_batch(a) == series_batch(b));
  return same && attention_row_same_family(a, b);
}

static double value_of(const AttentionPass *pass, SeriesKind kind, bool cold) {
  if (kind == SERIES_FLOPS) return pass->tflop_per_s;
  return cold ? pass->cold.median : pass->warm.median;
}

static int by_length(const void *a, const void *b) {
  double one = ((const ChartPoint *)a)->x, other = ((const ChartPoint *)b)->x;
  return one < other ? -1 : one > other;
}

static int by_value(const void *a, const void *b) {
  double one = *(const double *)a, other = *(const double *)b;
  return one < other ? -1 : one > other;
}

typedef struct {
  const AttentionResults *results;
  size_t first;
  int pass;
  SeriesKind kind;
  bool cold;
} Choice;

static void add_point(SeriesGroup *group, ChartSeries *line, const Choice *choice,
                      const AttentionRow *row, const AttentionRun *run) {
  const AttentionPass *pass = &run->pass[choice->pass];
  double value = value_of(pass, choice->kind, choice->cold);
  if (!pass->there || !isfinite(value) || value <= 0) return;
  double noise = choice->cold ? pass->cold.noise : pass->warm.noise;
  ChartPoint point = {(double)row->keys, value, noise, run->valid};
  ARRAY_APPEND(&line->points, point);
  if (!(group->least <= value)) group->least = value;
  if (!(group->largest >= value)) group->largest = value;
}

static void add_line(SeriesGroup *group, const Choice *choice, const char *backend) {
  const AttentionResults *results = choice->results;
  ChartSeries line = {.class_name = series_class(backend),
                      .marker = series_colour(backend),
                      .faint = choice->cold,
                      .name = backend};
  for (size_t i = choice->first; i < results->rows.count; i++) {
    const AttentionRow *row = &results->rows.items[i];
    const AttentionRun *run = attention_row_run(row, backend);
    if (run && series_same_group(row, &results->rows.items[choice->first]))
      add_point(group, &line, choice, row, run);
  }
  if (line.points.count == 0) return;
  qsort(line.points.items, line.points.count, sizeof *line.points.items, by_length);
  ARRAY_APPEND(&group->lines, line);
}

static void find_lengths(const AttentionResults *results, size_t first, SeriesGroup *group) {
  for (size_t i = first; i < results->rows.count; i++) {
    const AttentionRow *row = &results->rows.items[i];
    if (!series_same_group(row, &results->rows.items[first])) continue;
    ARRAY_APPEND(&group->lengths, (double)row->keys);
  }
  if (group->lengths.count == 0) return;
  qsort(group->lengths.items, group->lengths.count, sizeof(double), by_value);
  size_t kept = 0;
  for (size_t i = 0; i < group->lengths.count; i++)
    if (i == 0 || group->lengths.items[i] != group->lengths.items[i - 1])
      group->lengths.items[kept++] = group->lengths.items[i];
  group->lengths.count = kept;
}

SeriesGroup series_make(const AttentionResults *results, size_t first, int pass, SeriesKind kind) {
  SeriesGroup group = {.least = NAN, .largest = NAN};
  find_lengths(results, first, &group);
  for (size_t i = 0; i < results->backends.count; i++)
    for (int cold = 0; cold < (kind == SERIES_TIME ? 2 : 1); cold++) {
      Choice choice = {results, first, pass, kind, cold};
      add_line(&group, &choice, results->backends.items[i]);
    }
  return group;
}

void series_free(SeriesGroup *group) {
  for (size_t i = 0; i < group->lines.count; i++) ARRAY_FREE(&group->lines.items[i].points);
  ARRAY_FREE(&group->lines);
  ARRAY_FREE(&group->lengths);
}
