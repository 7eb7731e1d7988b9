// SPDX-License-Identifier: Apache-2.0
#include "report/attention/grid.h"
#include "report/unit.h"
#include "statistics/sample.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CELL = 32 };

// The compiled code of a row; NULL: none.
static const json_t *code_of(const AttentionRow *row) {
  for (size_t i = 0; i < row->runs.count; i++) {
    const json_t *code = json_object_get(row->runs.items[i].source, "code");
    const char *state = json_string_value(json_object_get(code, "state"));
    if (state && strcmp(state, "compiled") == 0) return code;
  }
  return NULL;
}

// The median of a number over the cells of a mod; NaN: none has it.
static double median_of(const AttentionResults *results, const char *mod, const char *key) {
  ARRAY_OF(double) values = {0};
  for (size_t i = 0; i < results->rows.count; i++) {
    const AttentionRow *row = &results->rows.items[i];
    const json_t *value = json_object_get(code_of(row), key);
    if (strcmp(row->mod, mod) == 0 && json_is_number(value))
      ARRAY_APPEND(&values, json_number_value(value));
  }
  double median = values.count ? sample_median(values.items, values.count) : NAN;
  ARRAY_FREE(&values);
  return median;
}

static bool told_before(const AttentionResults *results, size_t index) {
  for (size_t i = 0; i < index; i++)
    if (code_of(&results->rows.items[i]) &&
        strcmp(results->rows.items[i].mod, results->rows.items[index].mod) == 0)
      return true;
  return false;
}

static void add_mod(Grid *grid, const AttentionResults *results, const AttentionRow *row) {
  char texts[4][CELL];
  unit_text(median_of(results, row->mod, "cold_ns") * 1e-9, "seconds", texts[0], CELL);
  unit_text(median_of(results, row->mod, "cached_ns") * 1e-9, "seconds", texts[1], CELL);
  unit_text(median_of(results, row->mod, "text_ns") * 1e-9, "seconds", texts[2], CELL);
  snprintf(texts[3], CELL, "%.1f", median_of(results, row->mod, "text_bytes") / 1024);
  grid_add_row(grid, (const char *[]){row->mod, texts[0], texts[1], texts[2], texts[3]});
}

Grid attention_code_grid(const AttentionResults *results) {
  static const GridColumn heads[] = {{NULL, "mod", "", true},
                                     {NULL, "compiled", "cold", false},
                                     {NULL, "compiled", "cached", false},
                                     {NULL, "text", "written in", false},
                                     {NULL, "text", "KiB", false}};
  Grid grid = grid_of(heads, COUNT_OF(heads));
  for (size_t i = 0; i < results->rows.count; i++)
    if (code_of(&results->rows.items[i]) && !told_before(results, i))
      add_mod(&grid, results, &results->rows.items[i]);
  return grid;
}
