// SPDX-License-Identifier: Apache-2.0
#include "attention/block_walk.h"

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

// Along the keys of some rows of one block.
typedef struct {
  const BlockMask *mask;
  int64_t first, last; // of mask->by_query.runs
  int first_part, last_part;
} Walk;

// A full run, or a part of a block of a partial one.
typedef struct {
  int64_t first, last;
  PartState state;
  int64_t after; // the cursor behind it
} Piece;

// The run's place in the line, and a key: at the beginning both are 0.
static int64_t cursor_of(int64_t run, int64_t key) {
  return run << 32 | key;
}

static Piece full_piece(const Walk *walk, const BlockRun *run, int64_t index) {
  int64_t block = walk->mask->block_columns;
  return (Piece){run->first * block, least(run->last * block, walk->mask->keys), PART_FULL,
                 cursor_of(index + 1, 0)};
}

static Piece partial_piece(const Walk *walk, const BlockRun *run, int64_t index, int64_t key) {
  const BlockMask *mask = walk->mask;
  int64_t columns = mask->block_columns, size = block_part(columns);
  if (key < run->first * columns) key = run->first * columns;
  int64_t block = key / columns, end = least(key + size, mask->keys);
  int part = (int)(key % columns / size);
  BlockDetail detail = mask->by_query.details[run->detail + block - run->first];
  bool ends = end == least(run->last * columns, mask->keys);
  return (Piece){key, end,
                 block_detail_state(detail, walk->first_part, walk->last_part, part, part),
                 ends ? cursor_of(index + 1, 0) : cursor_of(index, end)};
}

// The piece at the cursor; false: the line has ended.
static bool piece_at(const Walk *walk, int64_t cursor, Piece *piece) {
  int64_t index = cursor >> 32, at = walk->first + index;
  if (at == walk->last) return false;
  const BlockRun *run = &walk->mask->by_query.runs[at];
  *piece = run->full ? full_piece(walk, run, index)
                     : partial_piece(walk, run, index, cursor & UINT32_MAX);
  return true;
}

// Pieces that touch and are alike become one run.
static bool next_run(const Walk *walk, int64_t *cursor, ScoreRun *run) {
  Piece piece;
  do {
    if (!piece_at(walk, *cursor, &piece)) return false;
    *cursor = piece.after;
  } while (piece.state == PART_EMPTY);
  PartState state = piece.state;
  *run = (ScoreRun){piece.first, piece.last, state == PART_PARTIAL};
  while (piece_at(walk, *cursor, &piece) && piece.state == state && piece.first == run->last) {
    run->last = piece.last;
    *cursor = piece.after;
  }
  return true;
}

int block_walk_queries(const BlockMask *mask, int64_t batch, int64_t head, int64_t query,
                       int64_t rows, int64_t *cursor, int most, ScoreRun *runs) {
  const BlockLines *lines = &mask->by_query;
  int64_t block = mask->block_rows, part = block_part(block);
  int64_t line = block_mask_line(mask, lines, batch, head, query / block);
  Walk walk = {.mask = mask,
               .first = lines->start[line],
               .last = lines->start[line + 1],
               .first_part = (int)(query % block / part),
               .last_part = (int)((query + rows - 1) % block / part)};
  int count = 0;
  while (count < most && next_run(&walk, cursor, &runs[count])) count++;
  return count;
}

// The first run of a line that ends after the block of queries; NULL: there is none.
static const BlockRun *run_after(const BlockLines *lines, int64_t line, int64_t block) {
  for (int64_t i = lines->start[line]; i < lines->start[line + 1]; i++)
    if (lines->runs[i].last > block) return &lines->runs[i];
  return NULL;
}

// What the lines [line, last) of blocks of keys together say from the block of queries on: the
// nearest run of any of them, as far as all of them stay as they are; `full` where all are.
static bool join_lines(const BlockLines *lines, int64_t line, int64_t last, int64_t block,
                       BlockRun *joined) {
  *joined = (BlockRun){.first = INT32_MAX, .last = INT32_MAX, .full = true};
  for (int64_t i = line; i < last; i++) {
    const BlockRun *run = run_after(lines, i, block);
    int32_t first = !run ? INT32_MAX : run->first > block ? run->first : (int32_t)block;
    if (first < joined->first) joined->first = first;
  }
  for (int64_t i = line; i < last; i++) {
    const BlockRun *run = run_after(lines, i, joined->first);
    bool covers = run && run->first <= joined->first;
    int32_t end = covers ? run->last : run ? run->first : INT32_MAX;
    joined->full &= covers && run->full;
    if (end < joined->last) joined->last = end;
  }
  return joined->first < INT32_MAX;
}

// The cursor is the block of queries that the next run is looked for from.
int block_walk_keys(const BlockMask *mask, int64_t batch, int64_t head, int64_t key,
                    int64_t columns, int64_t *cursor, int most, ScoreRun *runs) {
  const BlockLines *lines = &mask->by_key;
  int64_t line = block_mask_line(mask, lines, batch, head, key / mask->block_columns);
  int64_t last = line + (key + columns - 1) / mask->block_columns - key / mask->block_columns + 1;
  int64_t rows = mask->block_rows;
  BlockRun joined;
  int count = 0;
  while (count < most && join_lines(lines, line, last, *cursor, &joined)) {
    runs[count++] =
        (ScoreRun){joined.first * rows, least(joined.last * rows, mask->queries), !joined.full};
    *cursor = joined.last;
  }
  return count;
}
