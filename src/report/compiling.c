// SPDX-License-Identifier: Apache-2.0
#include "report/compiling.h"
#include "report/row_comparison.h"
#include "report/unit.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { COLUMNS = 8, TUNING = 3, TEXT = 64 };

static const GridColumn columns[COLUMNS] = {
    {.title = "compiled", .head = "", .left = true},
    {.title = "cold", .head = "start"},
    {.title = "of it", .head = "cc"},
    {.title = "of it", .head = "tuning"},
    {.title = "from", .head = "cache"},
    {.title = "programs", .head = ""},
    {.title = "groups", .head = ""},
    {.title = "times as fast", .head = "as uncompiled"},
};

static const json_t *compile_of(const Row *row) {
  const json_t *ours = json_object_get(row->entry, "attometer");
  const json_t *compile = json_object_get(ours, "compile");
  return row->status == ROW_MEASURED && json_is_object(compile) ? compile : NULL;
}

// The effective scenario without how it is compiled and what follows from that.
static json_t *uncompiled(const Row *row) {
  json_t *effective = json_copy((json_t *)row->effective);
  json_object_del(effective, "compile_kwargs");
  json_object_del(effective, "name");
  return effective;
}

static const Row *twin_of(const Report *report, const Row *row) {
  const Row *twin = NULL;
  json_t *wanted = uncompiled(row);
  for (size_t i = 0; i < report->rows.count && !twin; i++) {
    const Row *other = &report->rows.items[i];
    if (other->status != ROW_MEASURED || !report_primary(other) || compile_of(other)) continue;
    json_t *found = uncompiled(other);
    if (json_equal(wanted, found)) twin = other;
    json_decref(found);
  }
  json_decref(wanted);
  return twin;
}

static void write_time(const json_t *round, const char *key, char text[TEXT]) {
  json_int_t time = json_integer_value(json_object_get(round, key)); // 0: nothing was to be done
  unit_text(time > 0 ? (double)time * 1e-9 : NAN, "seconds", text, TEXT);
}

static void write_count(const json_t *round, const char *key, char text[TEXT]) {
  snprintf(text, TEXT, "%lld", (long long)json_integer_value(json_object_get(round, key)));
}

static void write_speedup(const Report *report, const Row *row, char text[TEXT]) {
  const Row *twin = twin_of(report, row);
  snprintf(text, TEXT, "-");
  if (!twin || !report_primary(row)) return;
  Comparison comparison = row_comparison(row, twin);
  double margin = (comparison.ci95.high - comparison.ci95.low) / 2;
  snprintf(text, TEXT, isnan(margin) ? "%.2f" : "%.2f +- %.2f", comparison.ratio, margin);
}

// The column of tuning is for modes that do so.
static bool is_tuned(const Row *row) {
  const json_t *cold = json_object_get(compile_of(row), "cold");
  return json_is_object(json_object_get(cold, "tuning"));
}

static bool any_tuned(const Report *report) {
  for (size_t i = 0; i < report->rows.count; i++)
    if (is_tuned(&report->rows.items[i])) return true;
  return false;
}

static void add_row(Grid *grid, const Report *report, const Row *row) {
  const json_t *compile = compile_of(row), *cold = json_object_get(compile, "cold");
  const json_t *cached = json_object_get(compile, "cached");
  char cells[COLUMNS][TEXT];
  const char *texts[COLUMNS] = {row->label};
  for (int i = 1; i < COLUMNS; i++) texts[i] = cells[i];
  write_time(cold, "total_ns", cells[1]);
  write_time(cold, "build_ns", cells[2]);
  write_time(json_object_get(cold, "tuning"), "tuning_ns", cells[3]);
  write_time(cached, "total_ns", cells[4]);
  write_count(cold, "programs", cells[5]);
  write_count(cold, "groups", cells[6]);
  write_speedup(report, row, cells[7]);
  if (grid->columns.count < COLUMNS)
    memmove(texts + TUNING, texts + TUNING + 1, (COLUMNS - TUNING - 1) * sizeof *texts);
  grid_add_row(grid, texts);
}

Grid compiling_grid(const Report *report) {
  GridColumn shown[COLUMNS];
  size_t count = 0;
  bool tuned = any_tuned(report);
  for (int i = 0; i < COLUMNS; i++)
    if (i != TUNING || tuned) shown[count++] = columns[i];
  Grid grid = grid_of(shown, count);
  for (size_t i = 0; i < report->rows.count; i++)
    if (compile_of(&report->rows.items[i])) add_row(&grid, report, &report->rows.items[i]);
  return grid;
}
