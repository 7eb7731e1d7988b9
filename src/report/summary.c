// SPDX-License-Identifier: Apache-2.0
#include "report/summary.h"
#include "base/wrap.h"
#include "report/label.h"
#include "report/printers.h"
#include "report/row_comparison.h"
#include <math.h>

enum { MOST_SENTENCES = 12 };

static bool competes(const Row *row) {
  return row->status == ROW_MEASURED && row->valid && report_primary(row);
}

static bool is_better(const Row *a, const Row *b) {
  const Cell *left = report_primary(a), *right = report_primary(b);
  return left->less_is_better ? left->value < right->value : left->value > right->value;
}

// Whether an earlier row does the same work: then its sentence has been said.
static bool said_before(const Report *report, size_t index) {
  for (size_t i = 0; i < index; i++) {
    const Row *row = &report->rows.items[i];
    if (competes(row) && label_same_work(row, &report->rows.items[index])) return true;
  }
  return false;
}

// The best row that does the same work as `like`, `without` left aside; NULL: none.
static const Row *best_of(const Report *report, const Row *like, const Row *without) {
  const Row *best = NULL;
  for (size_t i = 0; i < report->rows.count; i++) {
    const Row *row = &report->rows.items[i];
    if (row == without || !competes(row) || !label_same_work(row, like)) continue;
    if (!best || is_better(row, best)) best = row;
  }
  return best;
}

static void append_sentence(Text *text, const Row *best, const Row *next) {
  Comparison comparison = row_comparison(best, next);
  double margin = (comparison.ci95.high - comparison.ci95.low) / 2;
  bool sure = comparison.verdict == VERDICT_BETTER;
  Text words = {0};
  if (sure)
    text_append_format(&words, "%s is fastest at ", best->label);
  else
    text_append_format(&words, "%s and %s cannot be told apart at ", best->label, next->label);
  label_work(best, &words);
  if (sure)
    text_append_format(&words, ": %.2f +- %.2f times as fast as %s (95 %% confidence).",
                       comparison.ratio, margin, next->label);
  else if (isnan(comparison.ci95.low))
    text_append_format(&words, ": ratio %.3f of single runs; raise --iterations.",
                       comparison.ratio);
  else
    text_append_format(&words,
                       ": ratio %.3f, 95 %% interval %.3f to %.3f; more --iterations narrow it.",
                       comparison.ratio, comparison.ci95.low, comparison.ci95.high);
  wrap_append(text, words.data, REPORT_COLUMNS, 2);
  text_free(&words);
}

void summary_sentences(const Report *report, Text *text) {
  int said = 0;
  for (size_t i = 0; i < report->rows.count && said < MOST_SENTENCES; i++) {
    const Row *row = &report->rows.items[i];
    if (!competes(row) || said_before(report, i)) continue;
    const Row *best = best_of(report, row, NULL), *next = best_of(report, row, best);
    if (!next) continue;
    append_sentence(text, best, next);
    said++;
  }
}
