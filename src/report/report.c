// SPDX-License-Identifier: Apache-2.0
#include "report/report.h"
#include "report/label.h"
#include <math.h>
#include <string.h>

enum { REPORT_LIMIT = 1 << 30 };

static const char *text_of(const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  return text ? text : "";
}

static double number_of(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  return json_is_number(value) ? json_number_value(value) : NAN;
}

static Interval interval_of(const json_t *object, const char *key) {
  const json_t *pair = json_object_get(object, key);
  const json_t *low = json_array_get(pair, 0), *high = json_array_get(pair, 1);
  if (!json_is_number(low) || !json_is_number(high)) return (Interval){NAN, NAN};
  return (Interval){json_number_value(low), json_number_value(high)};
}

static void add_statistics(Row *row, const json_t *ours) {
  json_t *statistics = json_object_get(ours, "statistics");
  for (void *at = json_object_iter(statistics); at; at = json_object_iter_next(statistics, at)) {
    const json_t *source = json_object_iter_value(at);
    Cell cell = {
        .tag = json_object_iter_key(at),
        .name = text_of(source, "name"),
        .column = text_of(source, "column"),
        .unit = text_of(source, "unit"),
        .sampled = true,
        .less_is_better = json_is_true(json_object_get(source, "less_is_better")),
        .primary = json_is_true(json_object_get(source, "primary")),
        .value = number_of(source, "med"),
        .ci95 = interval_of(source, "med_ci95"),
        .source = source,
    };
    ARRAY_APPEND(&row->cells, cell);
  }
}

static void add_summaries(Row *row, const json_t *ours) {
  size_t index;
  json_t *source;
  json_array_foreach(json_object_get(ours, "summaries"), index, source) {
    Cell cell = {
        .tag = text_of(source, "tag"),
        .name = text_of(source, "name"),
        .column = text_of(source, "column"),
        .unit = text_of(source, "unit"),
        .value = number_of(source, "value"),
        .ci95 = {NAN, NAN},
        .source = source,
    };
    ARRAY_APPEND(&row->cells, cell);
  }
}

static RowStatus status_of(const json_t *ours) {
  const char *status = text_of(ours, "status");
  if (strcmp(status, "measured") == 0) return ROW_MEASURED;
  return strcmp(status, "skipped") == 0 ? ROW_SKIPPED : ROW_FAILED;
}

static bool add_row(Report *report, const char *hash, const json_t *entry, const char *name,
                    Error *error) {
  const json_t *ours = json_object_get(entry, "attometer");
  const json_t *correctness = json_object_get(ours, "correctness");
  if (!json_is_object(ours))
    return error_set(error, ERROR_FORMAT, name, "entry %.16s… has no \"attometer\" object", hash);
  Row row = {
      .hash = hash,
      .entry = entry,
      .config = json_object_get(entry, "config"),
      .effective = json_object_get(ours, "effective"),
      .status = status_of(ours),
      .valid = strcmp(text_of(correctness, "verdict"), "valid") == 0,
      .error = number_of(correctness, "error"),
      .reason = text_of(ours, "reason"),
  };
  row.name = text_of(row.config, "name");
  add_statistics(&row, ours);
  add_summaries(&row, ours);
  ARRAY_APPEND(&report->rows, row);
  return true;
}

bool report_make(const json_t *document, const char *name, Report *report, Error *error) {
  *report = (Report){.document = json_incref((json_t *)document)};
  Field root = field_root(document, name);
  bool done = field_object(&root, error);
  for (void *at = done ? json_object_iter(report->document) : NULL; done && at;
       at = json_object_iter_next(report->document, at))
    done = add_row(report, json_object_iter_key(at), json_object_iter_value(at), name, error);
  if (done)
    label_rows(report);
  else
    report_free(report);
  return done;
}

bool report_read(const char *path, Report *report, Error *error) {
  json_t *document = document_read(path, REPORT_LIMIT, error);
  if (!document) return false;
  bool done = report_make(document, path, report, error);
  json_decref(document);
  return done;
}

void report_free(Report *report) {
  for (size_t i = 0; i < report->rows.count; i++) {
    ARRAY_FREE(&report->rows.items[i].cells);
    memory_free(report->rows.items[i].label);
  }
  ARRAY_FREE(&report->rows);
  json_decref(report->document);
  *report = (Report){0};
}

const Cell *report_cell(const Row *row, const char *tag) {
  for (size_t i = 0; i < row->cells.count; i++)
    if (strcmp(row->cells.items[i].tag, tag) == 0) return &row->cells.items[i];
  return NULL;
}

const Cell *report_primary(const Row *row) {
  for (size_t i = 0; i < row->cells.count; i++)
    if (row->cells.items[i].primary) return &row->cells.items[i];
  return NULL;
}
