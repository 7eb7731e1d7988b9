// SPDX-License-Identifier: Apache-2.0
#include "cli/matrix_list.h"
#include "base/progress.h"
#include "base/wrap.h"
#include "bench/generation/support.h"
#include "bench/scenario_name.h"
#include "cli/output.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 80, NOTE_INDENT = 6, CELL = 2 * SCENARIO_WORD_SIZE + 2 };

// What the table has for one scenario; a column that is the same everywhere is told once, above it.
typedef struct {
  const char *head;
  bool number;
  void (*write)(const Scenario *scenario, const CostEstimate *estimate, char cell[CELL]);
} Column;

static void write_attention(const Scenario *scenario, const CostEstimate *estimate,
                            char cell[CELL]) {
  (void)estimate;
  const char *backend = scenario->sdpa_backend;
  snprintf(cell, CELL, "%s%s%s", scenario->attn_implementation, backend[0] ? "/" : "", backend);
}

static void write_compile(const Scenario *scenario, const CostEstimate *estimate, char cell[CELL]) {
  (void)estimate;
  snprintf(cell, CELL, "%s", scenario->compile.compiled ? scenario->compile.mode : "-");
}

static void write_kernelize(const Scenario *scenario, const CostEstimate *estimate,
                            char cell[CELL]) {
  (void)estimate;
  snprintf(cell, CELL, "%s", scenario->kernelize ? "on" : "-");
}

static void write_batching(const Scenario *scenario, const CostEstimate *estimate,
                           char cell[CELL]) {
  (void)estimate;
  snprintf(cell, CELL, "%s", scenario->continuous_batching ? "on" : "-");
}

static void write_dtype(const Scenario *scenario, const CostEstimate *estimate, char cell[CELL]) {
  (void)estimate;
  snprintf(cell, CELL, "%s", scenario->dtype);
}

static void write_batch(const Scenario *scenario, const CostEstimate *estimate, char cell[CELL]) {
  (void)estimate;
  snprintf(cell, CELL, "%lld", (long long)scenario->batch_size);
}

static void write_depth(const Scenario *scenario, const CostEstimate *estimate, char cell[CELL]) {
  (void)estimate;
  snprintf(cell, CELL, scenario->depth ? "%lld" : "-", (long long)scenario->depth);
}

static void write_prompt(const Scenario *scenario, const CostEstimate *estimate, char cell[CELL]) {
  (void)estimate;
  snprintf(cell, CELL, "%lld", (long long)scenario->sequence_length);
}

static void write_tokens(const Scenario *scenario, const CostEstimate *estimate, char cell[CELL]) {
  (void)estimate;
  snprintf(cell, CELL, "%lld", (long long)scenario->num_tokens_to_generate);
}

static void write_memory(const Scenario *scenario, const CostEstimate *estimate, char cell[CELL]) {
  (void)scenario;
  snprintf(cell, CELL, "%.2f GiB", (double)estimate->bytes / (1 << 30));
}

static void write_time(const Scenario *scenario, const CostEstimate *estimate, char cell[CELL]) {
  char ignored[128];
  double seconds = estimate->seconds;
  if (support_missing(scenario, ignored, sizeof ignored))
    snprintf(cell, CELL, "skipped");
  else if (seconds < 120.0)
    snprintf(cell, CELL, "%.*f s", seconds < 10.0, seconds);
  else
    snprintf(cell, CELL, "%.0f min", seconds / 60.0);
}

static void write_source(const Scenario *scenario, const CostEstimate *estimate, char cell[CELL]) {
  (void)scenario;
  snprintf(cell, CELL, "%s", estimate_source_name(estimate->source));
}

static const Column columns[] = {
    {"attention", false, write_attention},
    {"compile", false, write_compile},
    {"kernelize", false, write_kernelize},
    {"batching", false, write_batching},
    {"dtype", false, write_dtype},
    {"batch", true, write_batch},
    {"depth", true, write_depth},
    {"prompt", true, write_prompt},
    {"new", true, write_tokens},
    {"memory", true, write_memory},
    {"time", true, write_time},
    {"by", false, write_source},
};
enum { ESTIMATED = 3 }; // columns at the end that need an estimate

static size_t columns_of(bool known) {
  return COUNT_OF(columns) - (known ? 0 : ESTIMATED);
}

typedef struct {
  int width[COUNT_OF(columns)]; // 0: the same everywhere
} Layout;

static Layout layout_of(const ScenarioMatrix *matrix, const SweepPlan *plan, bool known) {
  Layout layout = {0};
  for (size_t c = 0; c < columns_of(known); c++) {
    char first[CELL], cell[CELL];
    bool same = matrix->cells.count > 1;
    int width = (int)strlen(columns[c].head);
    for (size_t i = 0; i < matrix->cells.count; i++) {
      columns[c].write(&matrix->cells.items[i].effective, &plan->items[i].estimate, cell);
      if (i == 0) memcpy(first, cell, CELL);
      same = same && strcmp(first, cell) == 0;
      if ((int)strlen(cell) > width) width = (int)strlen(cell);
    }
    layout.width[c] = same ? 0 : width;
  }
  return layout;
}

static void print_total(const SweepPlan *plan, Text *words) {
  char duration[32];
  PlanTotals totals = sweep_plan_totals(plan);
  if (totals.counts[FATE_RUN])
    text_append_format(words, "; %zu to run in about %s", totals.counts[FATE_RUN],
                       progress_duration(totals.seconds, duration, sizeof duration));
  text_append_text(words, "; time by ceilings is what the machine allows, real runs take longer");
}

// What all scenarios share, in one sentence.
static void print_common(const ScenarioMatrix *matrix, const SweepPlan *plan, bool known,
                         const Layout *layout) {
  Text words = {0}, lines = {0};
  text_append_format(&words, "%zu scenarios", matrix->cells.count);
  if (matrix->asked > matrix->cells.count)
    text_append_format(&words, " (%zu asked for, the rest the same after the rules)",
                       matrix->asked);
  for (size_t c = 0; matrix->cells.count && c < columns_of(known); c++) {
    char cell[CELL];
    if (layout->width[c]) continue;
    columns[c].write(&matrix->cells.items[0].effective, &plan->items[0].estimate, cell);
    if (columns[c].write == write_depth && strcmp(cell, "-") == 0) continue;
    text_append_format(&words, ", %s %s", columns[c].head, cell);
  }
  if (known) print_total(plan, &words);
  wrap_append(&lines, words.data, COLUMNS, 0);
  output_write(lines.data, lines.size);
  output_format("\n");
  text_free(&words);
  text_free(&lines);
}

static void append_cell(Text *line, const Column *column, int width, const char *text) {
  if (width) text_append_format(line, "  %*s", column->number ? width : -width, text);
}

// A line ends with its last word.
static void print_line(Text *line) {
  while (line->size && line->data[line->size - 1] == ' ') line->size--;
  output_write(line->data, line->size);
  output_format("\n");
  text_free(line);
}

static void print_row(const ScenarioMatrix *matrix, const SweepPlan *plan, bool known,
                      const Layout *layout, size_t row) {
  Text line = {0};
  text_append_format(&line, "%4zu", row + 1);
  for (size_t c = 0; c < columns_of(known); c++) {
    char cell[CELL];
    columns[c].write(&matrix->cells.items[row].effective, &plan->items[row].estimate, cell);
    append_cell(&line, &columns[c], layout->width[c], cell);
  }
  print_line(&line);
}

static void print_note(const char *subject, const char *text) {
  Text words = {0}, lines = {0};
  text_append_format(&words, "%s%s%s", subject, subject[0] ? ": " : "", text);
  wrap_append(&lines, words.data, COLUMNS - NOTE_INDENT, NOTE_INDENT + 2);
  output_format("%*s", NOTE_INDENT, "");
  output_write(lines.data, lines.size);
  text_free(&words);
  text_free(&lines);
}

// What each rule made of what was asked for; why it will be skipped.
static void print_notes(const MatrixCell *cell, const PlanItem *item) {
  for (int rule = 0; rule < RULE_COUNT; rule++)
    if (cell->fired & 1u << rule) print_note(rule_name((Rule)rule), rule_text((Rule)rule));
  if (item->reason[0]) print_note(item->fate == FATE_REFUSED ? "refused" : "", item->reason);
}

void matrix_list_table(const ScenarioMatrix *matrix, const SweepPlan *plan, bool known) {
  Layout layout = layout_of(matrix, plan, known);
  print_common(matrix, plan, known, &layout);
  Text heads = {0};
  text_append_text(&heads, "   #");
  for (size_t c = 0; c < columns_of(known); c++)
    append_cell(&heads, &columns[c], layout.width[c], columns[c].head);
  print_line(&heads);
  for (size_t i = 0; i < matrix->cells.count; i++) {
    print_row(matrix, plan, known, &layout, i);
    print_notes(&matrix->cells.items[i], &plan->items[i]);
  }
}

static json_t *plan_json(const PlanItem *item, bool known) {
  const CostEstimate *estimate = &item->estimate;
  return json_pack("{s:s, s:s?, s:o, s:o, s:s?}", "fate", plan_fate_name(item->fate), "reason",
                   item->reason[0] ? item->reason : NULL, "seconds",
                   known ? json_real(estimate->seconds) : json_null(), "bytes",
                   known ? json_integer(estimate->bytes) : json_null(), "source",
                   known ? estimate_source_name(estimate->source) : NULL);
}

void matrix_list_json(const ScenarioMatrix *matrix, const SweepPlan *plan, bool known) {
  json_t *rows = json_array();
  for (size_t i = 0; i < matrix->cells.count; i++) {
    const MatrixCell *cell = &matrix->cells.items[i];
    char name[SCENARIO_NAME_SIZE];
    json_array_append_new(
        rows, json_pack("{sssssososo}", "name", scenario_name(&cell->effective, name), "hash",
                        cell->hash, "config", scenario_config(&cell->effective), "rules",
                        rules_json(cell->fired), "plan", plan_json(&plan->items[i], known)));
  }
  char *text = json_dumps(rows, JSON_INDENT(4) | JSON_ENSURE_ASCII);
  output_write(text, strlen(text));
  output_format("\n");
  free(text);
  json_decref(rows);
}
