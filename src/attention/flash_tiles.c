// SPDX-License-Identifier: Apache-2.0
#include "attention/flash_tiles.h"
#include "attention/flash_attention.h"
#include "attention/flash_forward.h"
#include "attention/flex_attention.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void flash_tiles_name(const FlashTiles *tiles, char name[FLASH_TILES_NAME]) {
  snprintf(name, FLASH_TILES_NAME, "units %" PRId64 " keys %" PRId64, tiles->unit_rows,
           tiles->key_block);
}

bool flash_tiles_parse(const char *name, FlashTiles *tiles) {
  char again[FLASH_TILES_NAME];
  *tiles = (FlashTiles){0};
  if (sscanf(name, "units %6" SCNd64 " keys %6" SCNd64, &tiles->unit_rows, &tiles->key_block) != 2)
    return false;
  flash_tiles_name(tiles, again);
  return strcmp(name, again) == 0 && tiles->unit_rows >= 0 &&
         tiles->unit_rows <= FLASH_MOST_UNIT_ROWS && tiles->key_block >= 0 &&
         tiles->key_block <= SCORE_TILE_COLUMNS;
}

bool flash_tiles_serve(const Operator *op) {
  return op == &flash_attention_operator || op == &flash_decode_operator ||
         op == &flex_attention_operator || op == &flex_decode_operator;
}
