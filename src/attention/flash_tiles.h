// SPDX-License-Identifier: Apache-2.0
// How the flash kernels cut a pass of a model: what a tuner may choose. Tiles differ in time, and
// in how sums are rounded.
#pragma once
#include "attention/score_stage.h"
#include "kernels/ops.h"

enum { FLASH_TILES_NAME = 48 };

// Of the stage's fields of the same name (flash_forward.h, flash_decode.h); 0: as suits the shape.
typedef struct {
  int64_t unit_rows, key_block;
} FlashTiles;

// "units 96 keys 512", and back; texts that flash_tiles_name did not write, and numbers out of
// their range: false.
void flash_tiles_name(const FlashTiles *tiles, char name[FLASH_TILES_NAME]);
bool flash_tiles_parse(const char *name, FlashTiles *tiles);
// What the attributes of flash operators begin with.
typedef struct {
  FlashTiles tiles;
  int64_t window;
  double scale;
} FlashAttributes;

static inline void flash_tiles_set(const FlashTiles *tiles, ScoreStage *stage) {
  stage->unit_rows = tiles->unit_rows;
  stage->key_block = tiles->key_block;
}

// Whether the operator has such attributes.
bool flash_tiles_serve(const Operator *op);
