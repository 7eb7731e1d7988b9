// SPDX-License-Identifier: Apache-2.0
#include "report/ab.h"
#include "base/wrap.h"
#include "report/grid.h"
#include "report/grid_lines.h"
#include "report/printers.h"
#include "report/unit.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { COLUMNS = 6, TEXT = 48 };

static const GridColumn columns[COLUMNS] = {
    {.title = "", .head = "", .left = true},
    {.title = "A", .head = ""},
    {.title = "B", .head = ""},
    {.title = "B / A", .head = ""},
    {.title = "interval", .head = ""},
    {.tag = "verdict", .title = "B is", .head = "", .left = true},
};

static const json_t *get(const json_t *object, const char *key) {
  return json_object_get(object, key);
}

static const char *text_at(const json_t *object, const char *key) {
  const char *text = json_string_value(get(object, key));
  return text ? text : "";
}

static double number_at(const json_t *object, const char *key) {
  const json_t *value = get(object, key);
  return json_is_number(value) ? json_number_value(value) : NAN;
}

bool ab_results_are(const json_t *document) {
  return strcmp(text_at(document, "kind"), "ab") == 0;
}

static void append_wrapped(Text *text, Text *line) {
  wrap_append(text, text_span(line).data, REPORT_COLUMNS, 2);
  text_free(line);
}

static void append_side(const json_t *document, const char *key, const char *name, Text *text) {
  const json_t *side = get(document, key), *correctness = get(side, "correctness");
  const char *program = text_at(side, "program"), *verdict = text_at(correctness, "verdict");
  Text line = {0};
  text_append_format(&line, "%s: %s", name, text_at(side, "label"));
  if (strcmp(program, "/proc/self/exe") != 0) text_append_format(&line, ", by %s", program);
  text_append_format(&line, ": %s", verdict[0] ? verdict : "not checked");
  if (verdict[0])
    text_append_format(&line, " (error %.2g of %.2g)", number_at(correctness, "error"),
                       number_at(correctness, "bound"));
  append_wrapped(text, &line);
}

// "better", "worse", "cannot tell", or that a difference is too small to matter.
static void verdict_words(const json_t *document, const json_t *metric, char words[TEXT]) {
  double least = number_at(get(document, "design"), "minimum_effect");
  if (json_is_true(get(metric, "negligible")))
    snprintf(words, TEXT, "same, +- %.3g %%", 100 * least);
  else
    snprintf(words, TEXT, "%.*s", TEXT - 1, text_at(metric, "verdict"));
}

static double end_of(const json_t *metric, size_t end) {
  const json_t *value = json_array_get(get(metric, "interval"), end);
  return json_is_number(value) ? json_number_value(value) : NAN;
}

static void interval_words(const json_t *metric, char words[TEXT]) {
  double low = end_of(metric, 0), high = end_of(metric, 1);
  if (isnan(low))
    snprintf(words, TEXT, "-");
  else
    snprintf(words, TEXT, "%.3f to %.3f", low, high);
}

static void add_row(const json_t *document, const json_t *metric, Grid *grid) {
  char cells[COLUMNS][TEXT];
  const char *texts[COLUMNS], *unit = text_at(metric, "unit");
  snprintf(cells[0], TEXT, "%.*s", TEXT - 1, text_at(metric, "name"));
  unit_text(number_at(get(metric, "a"), "med"), unit, cells[1], TEXT);
  unit_text(number_at(get(metric, "b"), "med"), unit, cells[2], TEXT);
  snprintf(cells[3], TEXT, "%.3f", number_at(metric, "ratio"));
  interval_words(metric, cells[4]);
  verdict_words(document, metric, cells[5]);
  for (int i = 0; i < COLUMNS; i++) texts[i] = cells[i];
  grid_add_row(grid, texts);
}

static void append_grid(const json_t *document, Text *text) {
  Grid grid = grid_of(columns, COLUMNS);
  const char *tag;
  json_t *metric;
  json_object_foreach((json_t *)get(document, "metrics"), tag, metric)
      add_row(document, metric, &grid);
  text_append_character(text, '\n');
  grid_lines_append(&grid, text);
  text_append_character(text, '\n');
  grid_free(&grid);
}

static void append_design(const json_t *document, Text *text) {
  const json_t *design = get(document, "design");
  Text line = {0};
  text_append_format(
      &line,
      "Rounds of both in random order: %.0f of at most %.0f, in %.3g s. Medians, and "
      "intervals of their ratio at the confidence of each decision. Where A and B do "
      "not differ, any verdict at all has a chance of at most %.3g %%; differences "
      "within %.3g %% are none.",
      number_at(document, "rounds"), number_at(design, "rounds_max"),
      number_at(document, "seconds"), 100 * number_at(design, "alpha"),
      100 * number_at(design, "minimum_effect"));
  append_wrapped(text, &line);
}

static void append_named(const json_t *document, const char *verdict, Text *line) {
  const char *tag;
  json_t *metric;
  bool first = true;
  json_object_foreach((json_t *)get(document, "metrics"), tag, metric) {
    if (strcmp(text_at(metric, "verdict"), verdict) != 0) continue;
    text_append_format(line, "%s%s %.3f times", first ? ": " : ", ", text_at(metric, "name"),
                       number_at(metric, "ratio"));
    first = false;
  }
}

static void append_verdict(const json_t *document, Text *text) {
  const char *verdict = text_at(document, "verdict"), *end = text_at(document, "end");
  Text line = {0};
  if (!json_is_true(get(document, "valid"))) {
    text_append_text(&line, "No verdict: a side whose results are wrong has no time.");
  } else if (strcmp(verdict, "better") == 0 || strcmp(verdict, "worse") == 0) {
    text_append_format(&line, "B is %s", verdict);
    append_named(document, verdict, &line);
    text_append_text(&line, " that of A.");
  } else if (strcmp(verdict, "same") == 0) {
    text_append_text(&line, "A and B are the same, as far as it matters.");
  } else {
    text_append_format(&line, "A and B cannot be told apart; %s narrows the intervals.",
                       strcmp(end, "time") == 0 ? "a larger --time-budget" : "more --rounds-max");
  }
  append_wrapped(text, &line);
}

void ab_results_table(const json_t *document, Text *text) {
  append_side(document, "a", "A", text);
  append_side(document, "b", "B", text);
  if (json_is_true(get(document, "valid"))) {
    append_grid(document, text);
    append_design(document, text);
  }
  append_verdict(document, text);
}
