// SPDX-License-Identifier: Apache-2.0
// The lines of one pair of charts: a group of cells that differ in length alone.
#pragma once
#include "report/attention/results.h"
#include "report/chart.h"

enum { SERIES_COLOURS = 8 };

typedef enum { SERIES_TIME, SERIES_FLOPS } SeriesKind;

typedef struct {
  ARRAY_OF(ChartSeries) lines;
  ARRAY_OF(double) lengths; // ascending, each once
  double least, largest;    // of all points
} SeriesGroup;

// Whether two rows belong to one group.
bool series_same_group(const AttentionRow *a, const AttentionRow *b);
// What was asked for: the size of the cache in MiB (0: none), which the batch follows from, and the
// batch (document_mask flattens it when it runs).
int64_t series_cache(const AttentionRow *row);
int64_t series_batch(const AttentionRow *row);
// The lines of the group of results->rows.items[first]; cold times are faint lines of their own.
SeriesGroup series_make(const AttentionResults *results, size_t first, int pass, SeriesKind kind);
void series_free(SeriesGroup *group);
// The same colour and marker for a back end in every picture.
int series_colour(const char *backend);
const char *series_class(const char *backend);
// CSS of the colours.
extern const char series_style[];
