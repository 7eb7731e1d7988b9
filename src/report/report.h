// SPDX-License-Identifier: Apache-2.0
// Results as they lie in result files, ready for printers. A report knows scenarios, statistics
// with a unit hint, verdicts and reasons; it knows no metric by name, so that a new metric shows up
// everywhere by itself. Everything points into the documents, which the report owns.
#pragma once
#include "base/array.h"
#include "base/document.h"
#include "base/text.h"
#include "statistics/sample.h"

typedef enum { ROW_MEASURED, ROW_FAILED, ROW_SKIPPED } RowStatus;

// One number of one scenario: a statistic (with samples) or a single value.
typedef struct {
  const char *tag, *name, *column, *unit;
  bool sampled, less_is_better, primary;
  double value;         // the median of a statistic
  Interval ci95;        // of the median; NaN for single values
  const json_t *source; // the statistic's object
} Cell;

typedef struct {
  const char *hash, *name;
  const json_t *entry, *config, *effective;
  RowStatus status;
  bool valid;         // correctness verdict
  double error;       // of the correctness check; NaN when unknown
  const char *reason; // why it was not measured; ""
  ARRAY_OF(Cell) cells;
  char *label; // what tells it from the other rows; owned
} Row;

typedef struct {
  json_t *document; // object keyed by hash
  ARRAY_OF(Row) rows;
} Report;

// Reads one result file.
CHECKED bool report_read(const char *path, Report *report, Error *error);
// The same from a document that is already here (borrowed; the report keeps a reference).
CHECKED bool report_make(const json_t *document, const char *name, Report *report, Error *error);
void report_free(Report *report);                         // a zero one is fine
const Cell *report_cell(const Row *row, const char *tag); // NULL: the row has none
const Cell *report_primary(const Row *row);               // the one that rows are ranked by
