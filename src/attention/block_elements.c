// SPDX-License-Identifier: Apache-2.0
#include "attention/block_elements.h"

enum { STRIP_ROWS = 16, STRIP_COLUMNS = 512, ALIGNMENT = 64 };

bool block_elements_open(BlockElements *elements, const BoundMod *bound, CpuTier tier, int threads,
                         Error *error) {
  *elements = (BlockElements){.interpreter = mod_interpreter_open(bound, tier, error)};
  if (!elements->interpreter) return false;
  int64_t scratch = mod_interpreter_scratch_bytes(elements->interpreter);
  int64_t bytes = STRIP_ROWS * STRIP_COLUMNS + scratch;
  elements->thread_bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  if (region_map(&elements->memory, (size_t)(elements->thread_bytes * threads), error)) return true;
  block_elements_close(elements);
  return false;
}

void block_elements_close(BlockElements *elements) {
  mod_interpreter_close(elements->interpreter);
  region_unmap(&elements->memory);
  *elements = (BlockElements){0};
}

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

void block_elements_visit(const BlockElements *elements, int thread, const ModTile *rectangle,
                          StripVisitor *visitor, void *context) {
  uint8_t *visible = (uint8_t *)elements->memory.data + thread * elements->thread_bytes;
  void *scratch = visible + STRIP_ROWS * STRIP_COLUMNS;
  for (int64_t row = 0; row < rectangle->rows; row += STRIP_ROWS)
    for (int64_t column = 0; column < rectangle->columns; column += STRIP_COLUMNS) {
      ModTile strip = *rectangle;
      strip.query += row;
      strip.key += column;
      strip.rows = least(STRIP_ROWS, rectangle->rows - row);
      strip.columns = strip.stride = least(STRIP_COLUMNS, rectangle->columns - column);
      mod_interpret_visible(elements->interpreter, &strip, visible, scratch);
      if (!visitor(context, &strip, visible)) return;
    }
}

int64_t block_elements_count(const ModTile *tile, const uint8_t *visible) {
  int64_t count = 0;
  for (int64_t r = 0; r < tile->rows; r++)
    for (int64_t c = 0; c < tile->columns; c++) count += visible[r * tile->stride + c];
  return count;
}
