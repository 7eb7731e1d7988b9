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
    return (Strip){
        base + box->first_column, base + box->last_column, {box->first_row, box->last_row, full}};
  return (Strip){
      base + box->first_row, base + box->last_row, {box->first_column, box->last_column, full}};
}

// The last run of each line while runs are counted and while they are placed.
typedef struct {
  BlockRun last;
  int64_t count;
} LineEnd;

// Whether the run begins a new one: it is not the continuation of the line's last.
static bool extends(LineEnd *end, const BlockRun *run) {
  bool joined = end->count > 0 && end->last.last == run->first && end->last.full == run->full;
  if (joined)
    end->last.last = run->last;
  else
    end->last = *run;
  end->count += !joined;
  return !joined;
}

static void count_runs(const BlockBoxes *boxes, int64_t lines, bool by_key, LineEnd *ends) {
  for (int64_t i = 0; i < boxes->count; i++) {
    if (boxes->boxes[i].state == BLOCK_EMPTY) continue;
    Strip strip = strip_of(&boxes->boxes[i], lines, by_key);
    for (int64_t line = strip.first_line; line < strip.last_line; line++)
      extends(&ends[line], &strip.run);
  }
}

// Sums become places; the ends begin anew.
static int64_t place_lines(int64_t *start, LineEnd *ends, int64_t lines) {
  int64_t total = 0;
  for (int64_t i = 0; i < lines; i++) {
    start[i] = total;
    total += ends[i].count;
    ends[i] = (LineEnd){0};
  }
  return start[lines] = total;
}

static void place_runs(const BlockBoxes *boxes, const BlockLines *lines, bool by_key,
                       LineEnd *ends) {
  for (int64_t i = 0; i < boxes->count; i++) {
    if (boxes->boxes[i].state == BLOCK_EMPTY) continue;
    Strip strip = strip_of(&boxes->boxes[i], lines->lines, by_key);
    for (int64_t line = strip.first_line; line < strip.last_line; line++) {
      extends(&ends[line], &strip.run);
      lines->runs[lines->start[line] + ends[line].count - 1] = ends[line].last;
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

// Both directions lie in one piece of memory: starts, then runs.
static bool take_memory(BlockMask *mask, int64_t planes, LineEnd *ends[2], int64_t *counts,
                        Error *error) {
  BlockLines *sides[2] = {&mask->by_query, &mask->by_key};
  int64_t starts = planes * (sides[0]->lines + sides[1]->lines) + 2, runs = 0;
  for (int s = 0; s < 2; s++)
    for (int64_t i = 0; i < planes * sides[s]->lines; i++) counts[s] += ends[s][i].count;
  runs = counts[0] + counts[1];
  size_t bytes = (size_t)starts * sizeof(int64_t) + (size_t)runs * sizeof(BlockRun);
  if (!region_map(&mask->memory, bytes, error)) return false;
  int64_t *start = mask->memory.data;
  BlockRun *run = (BlockRun *)(start + starts);
  for (int s = 0; s < 2; s++) {
    sides[s]->start = start;
    sides[s]->runs = run;
    start += planes * sides[s]->lines + 1;
    run += counts[s];
  }
  return true;
}

bool block_lines_fill(BlockMask *mask, const BlockBoxes *boxes, Error *error) {
  BlockLines *sides[2] = {&mask->by_query, &mask->by_key};
  int64_t planes = mask->batches * mask->heads, counts[2] = {0};
  int64_t lines = planes * (sides[0]->lines + sides[1]->lines);
  Region work;
  if (!region_map(&work, (size_t)lines * sizeof(LineEnd), error)) return false;
  LineEnd *ends[2] = {work.data, (LineEnd *)work.data + planes * sides[0]->lines};
  for (int s = 0; s < 2; s++) count_runs(boxes, sides[s]->lines, s == 1, ends[s]);
  bool done = take_memory(mask, planes, ends, counts, error);
  for (int s = 0; done && s < 2; s++) {
    place_lines(sides[s]->start, ends[s], planes * sides[s]->lines);
    place_runs(boxes, sides[s], s == 1, ends[s]);
  }
  count_blocks(mask, boxes, planes * sides[0]->lines * sides[1]->lines);
  region_unmap(&work);
  return done;
}
