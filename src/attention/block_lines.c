// SPDX-License-Identifier: Apache-2.0
#include "attention/block_lines.h"

// A box as one of the two directions sees it.
typedef struct {
  int64_t first_line, last_line; // over all planes
  BlockRun run;
} Strip;

static Strip strip_of(const BlockBox *box, int64_t lines, bool by_key) {
  int64_t base = box->plane * lines;
  bool full = box->state == BLOCK_FULL;
  if (by_key)
    return (Strip){base + box->first_column,
                   base + box->last_column,
                   {box->first_row, box->last_row, full, 0}};
  return (Strip){
      base + box->first_row, base + box->last_row, {box->first_column, box->last_column, full, 0}};
}

// A line while its runs are counted, and again while they are placed.
typedef struct {
  BlockRun last;
  int64_t runs, details;           // so far
  int64_t first_run, first_detail; // in the arrays
} LineEnd;

// Takes in what comes next: a run of its own or the continuation of the last.
static void extend(LineEnd *end, const BlockRun *run) {
  bool joined = end->runs > 0 && end->last.last == run->first && end->last.full == run->full;
  if (!joined) {
    end->last = *run;
    end->last.detail = end->first_detail + end->details;
    end->runs++;
  }
  end->last.last = run->last;
  end->details += !run->full;
}

static void count_runs(const BlockBoxes *boxes, int64_t lines, bool by_key, LineEnd *ends) {
  for (int64_t i = 0; i < boxes->count; i++) {
    if (boxes->boxes[i].state == BLOCK_EMPTY) continue;
    Strip strip = strip_of(&boxes->boxes[i], lines, by_key);
    for (int64_t line = strip.first_line; line < strip.last_line; line++)
      extend(&ends[line], &strip.run);
  }
}

typedef struct {
  int64_t runs, details;
} Totals;

// Counts become places; the ends begin anew.
static Totals place_lines(LineEnd *ends, int64_t lines) {
  Totals totals = {0, 0};
  for (int64_t i = 0; i < lines; i++) {
    LineEnd end = ends[i];
    ends[i] = (LineEnd){.first_run = totals.runs, .first_detail = totals.details};
    totals.runs += end.runs;
    totals.details += end.details;
  }
  return totals;
}

static void place_runs(const BlockBoxes *boxes, const BlockLines *lines, bool by_key,
                       LineEnd *ends) {
  for (int64_t i = 0; i < boxes->count; i++) {
    const BlockBox *box = &boxes->boxes[i];
    if (box->state == BLOCK_EMPTY) continue;
    Strip strip = strip_of(box, lines->lines, by_key);
    for (int64_t line = strip.first_line; line < strip.last_line; line++) {
      LineEnd *end = &ends[line];
      if (box->state == BLOCK_PARTIAL && !by_key)
        lines->details[end->first_detail + end->details] = box->detail;
      extend(end, &strip.run);
      lines->runs[end->first_run + end->runs - 1] = end->last;
    }
  }
}

static void count_blocks(BlockMask *mask, const BlockBoxes *boxes, int64_t total) {
  mask->full = mask->partial = 0;
  for (int64_t i = 0; i < boxes->count; i++) {
    const BlockBox *box = &boxes->boxes[i];
    int64_t rows = box->last_row - box->first_row, columns = box->last_column - box->first_column;
    if (box->state == BLOCK_FULL) mask->full += rows * columns;
    if (box->state == BLOCK_PARTIAL) mask->partial += rows * columns;
  }
  mask->empty = total - mask->full - mask->partial;
}

// Both directions lie in one piece of memory.
static bool take_memory(BlockMask *mask, int64_t planes, const Totals totals[2], Error *error) {
  BlockLines *sides[2] = {&mask->by_query, &mask->by_key};
  int64_t starts = planes * (sides[0]->lines + sides[1]->lines) + 2;
  int64_t runs = totals[0].runs + totals[1].runs;
  size_t bytes = (size_t)starts * sizeof(int64_t) + (size_t)runs * sizeof(BlockRun) +
                 (size_t)totals[0].details * sizeof(BlockDetail);
  if (!region_map(&mask->memory, bytes, error)) return false;
  int64_t *start = mask->memory.data;
  BlockRun *run = (BlockRun *)(start + starts);
  mask->by_query.details = (BlockDetail *)(run + runs);
  for (int s = 0; s < 2; s++) {
    sides[s]->start = start;
    sides[s]->runs = run;
    start += planes * sides[s]->lines + 1;
    run += totals[s].runs;
  }
  return true;
}

static void fill_side(const BlockBoxes *boxes, BlockLines *lines, bool by_key, int64_t count,
                      LineEnd *ends, Totals totals) {
  for (int64_t i = 0; i < count; i++) lines->start[i] = ends[i].first_run;
  lines->start[count] = totals.runs;
  place_runs(boxes, lines, by_key, ends);
}

bool block_lines_fill(BlockMask *mask, const BlockBoxes *boxes, Error *error) {
  BlockLines *sides[2] = {&mask->by_query, &mask->by_key};
  int64_t planes = mask->batches * mask->heads;
  int64_t counts[2] = {planes * sides[0]->lines, planes * sides[1]->lines};
  Region work;
  if (!region_map(&work, (size_t)(counts[0] + counts[1]) * sizeof(LineEnd), error)) return false;
  LineEnd *ends[2] = {work.data, (LineEnd *)work.data + counts[0]};
  Totals totals[2];
  for (int s = 0; s < 2; s++) {
    count_runs(boxes, sides[s]->lines, s == 1, ends[s]);
    totals[s] = place_lines(ends[s], counts[s]);
  }
  bool done = take_memory(mask, planes, totals, error);
  for (int s = 0; done && s < 2; s++)
    fill_side(boxes, sides[s], s == 1, counts[s], ends[s], totals[s]);
  count_blocks(mask, boxes, planes * sides[0]->lines * sides[1]->lines);
  region_unmap(&work);
  return done;
}
