// SPDX-License-Identifier: Apache-2.0
// What was not measured, and why, and what was measured otherwise than one might think: once for
// each back end and reason, with the first cell and how many.
#include "base/wrap.h"
#include "report/attention/printers.h"
#include "report/printers.h"
#include <string.h>

typedef struct {
  const char *kind, *name, *reason; // name: "" of a whole cell
  const AttentionRow *first;
  size_t cells;
} Skip;
typedef ARRAY_OF(Skip) Skips;

static const char skipped[] = "[SKIP]", failed[] = "[FAIL]", noted[] = "[NOTE]";

static const char *kind_of(RowStatus status) {
  return status == ROW_SKIPPED ? skipped : failed;
}

static void add(Skips *skips, const char *kind, const char *name, const char *reason,
                const AttentionRow *row) {
  for (size_t i = 0; i < skips->count; i++) {
    Skip *skip = &skips->items[i];
    bool same =
        skip->kind == kind && strcmp(skip->name, name) == 0 && strcmp(skip->reason, reason) == 0;
    if (!same) continue;
    skip->cells++;
    return;
  }
  ARRAY_APPEND(skips, ((Skip){kind, name, reason, row, 1}));
}

// A back end that has the forward pass alone, where both were asked for.
static bool lacks_backward(const AttentionResults *results, const AttentionRun *run) {
  return json_is_true(attention_results_config(results, "calculate_bwd")) && run->pass[0].there &&
         !run->pass[1].there;
}

static const char *text_of(const json_t *object, const char *key) {
  return json_string_value(json_object_get(object, key));
}

// How its mods were worked on, where that was not by code for the cell or for all lengths, as
// asked.
static void add_code_notes(Skips *skips, const AttentionRun *run, const AttentionRow *row) {
  const json_t *code = json_object_get(run->source, "code");
  const char *state = text_of(code, "state"), *reason = text_of(code, "reason");
  if (state && strcmp(state, "interpreted") == 0)
    add(skips, noted, "flex is interpreted", reason ? reason : "as asked", row);
  else if (reason)
    add(skips, noted, "built code is not kept", reason, row);
  if (text_of(code, "not_dynamic"))
    add(skips, noted, "flex is compiled for each length", text_of(code, "not_dynamic"), row);
}

static Skips find(const AttentionResults *results) {
  Skips skips = {0};
  for (size_t i = 0; i < results->rows.count; i++) {
    const AttentionRow *row = &results->rows.items[i];
    if (row->status != ROW_MEASURED) add(&skips, kind_of(row->status), "", row->reason, row);
    for (size_t j = 0; j < row->runs.count; j++) {
      const AttentionRun *run = &row->runs.items[j];
      if (run->status != ROW_MEASURED)
        add(&skips, kind_of(run->status), run->name, run->reason, row);
      else if (lacks_backward(results, run))
        add(&skips, skipped, run->name, "has no backward pass here", row);
      add_code_notes(&skips, run, row);
    }
  }
  return skips;
}

// The lines of a reason after its first show a place in a text: they stay as they are.
static void append(const AttentionResults *results, const Skip *skip, Text *text) {
  Text line = {0};
  int sentence = (int)strcspn(skip->reason, "\n");
  text_append_format(&line, "%s %s%s%.*s", skip->kind, skip->name, skip->name[0] ? ": " : "",
                     sentence, skip->reason);
  if (skip->cells == results->rows.count && skip->cells > 1)
    text_append_text(&line, " (every cell)");
  else if (skip->cells > 1)
    text_append_format(&line, " (%s and %zu more)", skip->first->label, skip->cells - 1);
  else
    text_append_format(&line, " (%s)", skip->first->label);
  wrap_append(text, line.data, REPORT_COLUMNS, 7);
  if (skip->reason[sentence]) text_append_format(text, "%s\n", skip->reason + sentence + 1);
  text_free(&line);
}

void attention_skips_append(const AttentionResults *results, Text *text) {
  Skips skips = find(results);
  for (size_t i = 0; i < skips.count; i++) append(results, &skips.items[i], text);
  ARRAY_FREE(&skips);
}
