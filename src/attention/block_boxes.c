// SPDX-License-Identifier: Apache-2.0
#include "attention/block_boxes.h"
#include <string.h>

enum { FIRST_ROOM = 64 << 10 }; // bytes: below what is mapped by huge pages

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

ModBox block_grid_elements(const BlockGrid *grid, const BlockBox *box) {
  const ModShape *shape = &grid->bound->shape;
  return (ModBox){.batch = box->plane / grid->heads,
                  .head = box->plane % grid->heads,
                  .first_query = shape->query_offset + box->first_row * grid->block_rows,
                  .last_query =
                      shape->query_offset + least(box->last_row * grid->block_rows, shape->queries),
                  .first_key = box->first_column * grid->block_columns,
                  .last_key = least(box->last_column * grid->block_columns, shape->keys)};
}

static bool grow(BlockBoxes *list, int64_t count, Error *error) {
  size_t wanted = (size_t)(list->count + count) * sizeof(BlockBox);
  size_t size = list->memory.size ? list->memory.size : FIRST_ROOM;
  while (size < wanted) size *= 2;
  if (size == list->memory.size) return true;
  Region larger;
  if (!region_map(&larger, size, error)) return false;
  if (list->count) memcpy(larger.data, list->boxes, (size_t)list->count * sizeof(BlockBox));
  region_unmap(&list->memory);
  list->memory = larger;
  list->boxes = larger.data;
  return true;
}

bool block_boxes_append(BlockBoxes *list, const BlockBox *boxes, int64_t count, Error *error) {
  if (count == 0) return true;
  if (!grow(list, count, error)) return false;
  memcpy(list->boxes + list->count, boxes, (size_t)count * sizeof *boxes);
  list->count += count;
  return true;
}

void block_boxes_close(BlockBoxes *list) {
  region_unmap(&list->memory);
  *list = (BlockBoxes){0};
}

// What single elements show of an undecided block: the corners, of which the first two settle
// whatever runs along the diagonal, then the middle.
static BlockState probe(const ModIntervals *intervals, const ModBox *box) {
  const int64_t top = box->first_query, bottom = box->last_query - 1;
  const int64_t left = box->first_key, right = box->last_key - 1;
  const int64_t places[5][2] = {{top, right},
                                {bottom, left},
                                {top, left},
                                {bottom, right},
                                {(top + bottom) / 2, (left + right) / 2}};
  bool seen = false, hidden = false;
  for (int i = 0; i < 5 && !(seen && hidden); i++) {
    ModBox element = {box->batch,       box->head,    places[i][0],
                      places[i][0] + 1, places[i][1], places[i][1] + 1};
    ModTruth truth = mod_intervals_mask(intervals, &element);
    seen |= truth == MOD_ALWAYS;
    hidden |= truth == MOD_NEVER;
  }
  return seen && hidden ? BLOCK_PARTIAL : BLOCK_UNDECIDED;
}

// Halves of the longer side, the earlier first: so every line meets its boxes in order.
static void split(const BlockBox *box, BlockBox half[2]) {
  half[0] = half[1] = *box;
  if (box->last_row - box->first_row > box->last_column - box->first_column)
    half[0].last_row = half[1].first_row = box->first_row + (box->last_row - box->first_row) / 2;
  else
    half[0].last_column = half[1].first_column =
        box->first_column + (box->last_column - box->first_column) / 2;
}

static bool decide(BlockBoxes *list, const BlockGrid *grid, BlockBox *box, Error *error) {
  ModBox elements = block_grid_elements(grid, box);
  ModTruth truth = mod_intervals_mask(grid->intervals, &elements);
  if (truth == MOD_NEVER) return true;
  bool single = box->last_row - box->first_row == 1 && box->last_column - box->first_column == 1;
  if (truth == MOD_SOMETIMES && !single) {
    BlockBox half[2];
    split(box, half);
    return decide(list, grid, &half[0], error) && decide(list, grid, &half[1], error);
  }
  box->state = truth == MOD_ALWAYS ? BLOCK_FULL : probe(grid->intervals, &elements);
  return block_boxes_append(list, box, 1, error);
}

bool block_boxes_decide(BlockBoxes *list, const BlockGrid *grid, int64_t first, int64_t last,
                        Error *error) {
  for (int64_t plane = first; plane < last; plane++) {
    BlockBox whole = {.plane = (int32_t)plane,
                      .last_row = (int32_t)grid->rows,
                      .last_column = (int32_t)grid->columns};
    if (!decide(list, grid, &whole, error)) return false;
  }
  return true;
}
