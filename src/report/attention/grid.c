// SPDX-License-Identifier: Apache-2.0
#include "report/attention/grid.h"
#include "report/unit.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CELL = 32 };

typedef struct {
  const AttentionRow *row;
  const AttentionRun *run;
  int pass;
  bool begins_row, begins_run; // the line is the first of its cell, of its back end
  double scale;                // of rates: 1 for tera, 1000 for giga
} Line;

typedef void CellText(const Line *line, char text[CELL]);

static const AttentionPass *pass_of(const Line *line) {
  return &line->run->pass[line->pass];
}

static void shape_text(const Line *line, char text[CELL]) {
  text[0] = '\0';
  if (line->begins_row)
    snprintf(text, CELL, "%" PRId64 " x %" PRId64, line->row->batch, line->row->keys);
}

static void name_text(const Line *line, char text[CELL]) {
  snprintf(text, CELL, "%s", line->begins_run ? line->run->name : "");
}

static void pass_text(const Line *line, char text[CELL]) {
  static const char *const names[] = {"fwd", "bwd"};
  snprintf(text, CELL, "%s", names[line->pass]);
}

static void time_text(const Line *line, char text[CELL]) {
  unit_text(pass_of(line)->warm.median, "seconds", text, CELL);
}

static void cold_text(const Line *line, char text[CELL]) {
  unit_text(pass_of(line)->cold.median, "seconds", text, CELL);
}

static void noise_text(const Line *line, char text[CELL]) {
  double noise = pass_of(line)->warm.noise;
  if (isfinite(noise))
    snprintf(text, CELL, noise < 0.0995 ? "%.1f %%" : "%.0f %%", noise * 100);
  else
    snprintf(text, CELL, "-");
}

// In units of the table, three digits or so.
static void rate_text(double value, char text[CELL]) {
  if (!isfinite(value))
    snprintf(text, CELL, "-");
  else
    snprintf(text, CELL, "%.*f", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value);
}

static void flops_text(const Line *line, char text[CELL]) {
  rate_text(pass_of(line)->tflop_per_s * line->scale, text);
}

static void bytes_text(const Line *line, char text[CELL]) {
  rate_text(pass_of(line)->tb_per_s * line->scale, text);
}

static void share_text(double value, char text[CELL]) {
  if (isfinite(value))
    snprintf(text, CELL, value < 0.00995 ? "<1 %%" : "%.0f %%", value * 100);
  else
    snprintf(text, CELL, "-");
}

static void fma_text(const Line *line, char text[CELL]) {
  share_text(pass_of(line)->share_of_fma, text);
}

static void read_text(const Line *line, char text[CELL]) {
  share_text(pass_of(line)->share_of_read, text);
}

// The error is of both passes together; it stands once.
static void error_text_of(const Line *line, char text[CELL]) {
  text[0] = '\0';
  if (line->begins_run) snprintf(text, CELL, "%.1e", line->run->error);
}

static void verdict_text(const Line *line, char text[CELL]) {
  const char *verdict = line->run->valid ? "yes" : "NO";
  snprintf(text, CELL, "%s", line->begins_run ? verdict : "");
}

static bool always(const AttentionResults *results, const AttentionPrintOptions *options) {
  (void)results, (void)options;
  return true;
}

// Whether any pass reaches 1 TFLOP/s: then rates are in tera, else in giga.
static bool is_tera(const AttentionResults *results) {
  for (size_t i = 0; i < results->rows.count; i++)
    for (size_t j = 0; j < results->rows.items[i].runs.count; j++)
      if (results->rows.items[i].runs.items[j].pass[0].tflop_per_s >= 1) return true;
  return false;
}

static bool with_tera(const AttentionResults *results, const AttentionPrintOptions *options) {
  return options->throughput && is_tera(results);
}

static bool with_giga(const AttentionResults *results, const AttentionPrintOptions *options) {
  return options->throughput && !is_tera(results);
}

static bool with_cold(const AttentionResults *results, const AttentionPrintOptions *options) {
  (void)options;
  for (size_t i = 0; i < results->rows.count; i++)
    for (size_t j = 0; j < results->rows.items[i].runs.count; j++)
      if (results->rows.items[i].runs.items[j].pass[0].cold.there) return true;
  return false;
}

static const struct {
  GridColumn column;
  CellText *text;
  bool (*wanted)(const AttentionResults *results, const AttentionPrintOptions *options);
} columns[] = {
    {{NULL, "B x N", "", false}, shape_text, always},
    {{NULL, "back end", "", true}, name_text, always},
    {{NULL, "", "", true}, pass_text, always},
    {{NULL, "time", "", false}, time_text, always},
    {{NULL, "+-", "", false}, noise_text, always},
    {{NULL, "TFLOP", "/s", false}, flops_text, with_tera},
    {{NULL, "GFLOP", "/s", false}, flops_text, with_giga},
    {{NULL, "of", "FMA", false}, fma_text, always},
    {{NULL, "TB", "/s", false}, bytes_text, with_tera},
    {{NULL, "GB", "/s", false}, bytes_text, with_giga},
    {{NULL, "of", "read", false}, read_text, always},
    {{NULL, "cold", "", false}, cold_text, with_cold},
    {{NULL, "error", "", false}, error_text_of, always},
    {{NULL, "right", "", true}, verdict_text, always},
};

// A grid being filled.
typedef struct {
  Grid grid;
  size_t chosen[COUNT_OF(columns)]; // indices of its columns
  double scale;
  bool brief;
} Filling;

static void add_line(Filling *filling, const Line *line) {
  char texts[COUNT_OF(columns)][CELL];
  const char *pointers[COUNT_OF(columns)];
  for (size_t i = 0; i < filling->grid.columns.count; i++) {
    columns[filling->chosen[i]].text(line, texts[i]);
    pointers[i] = texts[i];
  }
  grid_add_row(&filling->grid, pointers);
}

static void add_run(Filling *filling, Line line) {
  line.begins_run = true;
  for (line.pass = 0; line.pass < ATTENTION_PASSES; line.pass++) {
    if (!line.run->pass[line.pass].there) continue;
    add_line(filling, &line);
    line.begins_row = line.begins_run = !filling->brief;
  }
}

static void add_row(Filling *filling, const AttentionRow *row) {
  size_t before = filling->grid.rows;
  for (size_t i = 0; i < row->runs.count; i++) {
    Line line = {.row = row, .run = &row->runs.items[i], .scale = filling->scale};
    line.begins_row = !filling->brief || filling->grid.rows == before;
    add_run(filling, line);
  }
}

Grid attention_grid_make(const AttentionResults *results, size_t first,
                         const AttentionPrintOptions *options, bool brief) {
  Filling filling = {.scale = is_tera(results) ? 1 : 1e3, .brief = brief};
  GridColumn wanted[COUNT_OF(columns)];
  size_t count = 0;
  for (size_t i = 0; i < COUNT_OF(columns); i++) {
    if (!columns[i].wanted(results, options)) continue;
    wanted[count] = columns[i].column;
    filling.chosen[count++] = i;
  }
  filling.grid = grid_of(wanted, count);
  for (size_t i = first; i < results->rows.count; i++)
    if (attention_row_same_family(&results->rows.items[first], &results->rows.items[i]))
      add_row(&filling, &results->rows.items[i]);
  return filling.grid;
}

static double number_of(const json_t *object, const char *key) {
  return json_number_value(json_object_get(object, key));
}

// Whether an earlier row of the same mask and length was measured too.
static bool told_before(const AttentionResults *results, size_t index) {
  const AttentionRow *row = &results->rows.items[index];
  for (size_t i = 0; i < index; i++) {
    const AttentionRow *earlier = &results->rows.items[i];
    if (strcmp(earlier->mod, row->mod) == 0 && earlier->keys == row->keys &&
        earlier->queries == row->queries && json_object_get(earlier->source, "blocks"))
      return true;
  }
  return false;
}

static void add_mask(Grid *grid, const AttentionRow *row) {
  static const char *const kinds[] = {"full", "partial", "empty"};
  const json_t *blocks = json_object_get(row->source, "blocks");
  double hidden = number_of(json_object_get(row->source, "pairs"), "sparsity"), all = 0;
  for (size_t i = 0; i < COUNT_OF(kinds); i++) all += number_of(blocks, kinds[i]);
  if (!(hidden > 0) || !(all > 0)) return;
  char texts[6][CELL];
  snprintf(texts[0], CELL, "%" PRId64 " x %" PRId64, row->queries, row->keys);
  snprintf(texts[1], CELL, "%.4g %%", 100 * (1 - hidden));
  for (size_t i = 0; i < COUNT_OF(kinds); i++)
    snprintf(texts[2 + i], CELL, "%.3g %%", 100 * number_of(blocks, kinds[i]) / all);
  unit_text(number_of(blocks, "build_ns") * 1e-9, "seconds", texts[5], CELL);
  grid_add_row(
      grid, (const char *[]){row->mod, texts[0], texts[1], texts[2], texts[3], texts[4], texts[5]});
}

Grid attention_mask_grid(const AttentionResults *results) {
  static const GridColumn heads[] = {
      {NULL, "mask", "", true},           {NULL, "M x N", "", false},
      {NULL, "pairs", "seen", false},     {NULL, "blocks", "full", false},
      {NULL, "blocks", "partial", false}, {NULL, "blocks", "empty", false},
      {NULL, "built in", "", false}};
  Grid grid = grid_of(heads, COUNT_OF(heads));
  for (size_t i = 0; i < results->rows.count; i++)
    if (!told_before(results, i)) add_mask(&grid, &results->rows.items[i]);
  return grid;
}

bool attention_row_begins_family(const AttentionResults *results, size_t index) {
  for (size_t i = 0; i < index; i++)
    if (attention_row_same_family(&results->rows.items[i], &results->rows.items[index]))
      return false;
  return true;
}
