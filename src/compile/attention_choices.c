// SPDX-License-Identifier: Apache-2.0
// The tiled attention of a model: rows of queries that a thread takes at a time, and keys that they
// meet before the next ones; of one query the keys that a thread takes at a time.
#include "attention/flash_tiles.h"
#include "compile/step_choices.h"
#include "kernels/kernels.h"
#include <inttypes.h>

enum { LEAST_KEYS = 128 }; // what packed keys are a multiple of

static const int64_t key_blocks[] = {256, 512, 1024, 128, 384, 768}, units[] = {64, 128, 192, 48};

static bool serves(const StepCase *at) {
  return flash_tiles_serve(at->step->op);
}

static const Tensor *queries_of(const StepCase *at) {
  return &at->step->inputs[0];
}

static const Tensor *keys_of(const StepCase *at) {
  return &at->step->inputs[1];
}

static void describe(const StepCase *at, Text *text) {
  const Tensor *q = queries_of(at), *k = keys_of(at);
  int64_t window = ((const FlashAttributes *)at->step->attributes)->window;
  text_append_format(text,
                     "%s %s, batch %" PRId64 ", heads %" PRId64 "/%" PRId64 ", %" PRId64
                     " x %" PRId64 " x %" PRId64,
                     at->step->op->name, dtype_name(k->dtype), q->shape[0], q->shape[1],
                     k->shape[1], q->shape[2], k->shape[2], q->shape[3]);
  if (window) text_append_format(text, ", window %" PRId64, window);
}

static void standard(const StepCase *at, char name[TUNING_NAME]) {
  (void)at;
  flash_tiles_name(&(FlashTiles){0}, name);
}

// Blocks that hold all keys are alike.
static bool is_new(const StepCase *at, int64_t key_block) {
  int64_t keys = keys_of(at)->shape[2];
  return key_block < keys + LEAST_KEYS;
}

static bool candidate(const StepCase *at, const char *best, int index, char name[TUNING_NAME]) {
  FlashTiles tiles;
  int unit = index - (int)COUNT_OF(key_blocks);
  bool many = queries_of(at)->shape[2] > 1;
  name[0] = '\0';
  if (unit >= (many ? (int)COUNT_OF(units) : 0) || !flash_tiles_parse(best, &tiles)) return false;
  if (unit >= 0)
    tiles.unit_rows = units[unit];
  else if (is_new(at, key_blocks[index]))
    tiles.key_block = key_blocks[index];
  else
    return true;
  flash_tiles_name(&tiles, name);
  return true;
}

static bool set(const StepCase *at, const char *name, void *attributes) {
  (void)at;
  return flash_tiles_parse(name, &((FlashAttributes *)attributes)->tiles);
}

const StepChoices attention_choices = {serves, describe, standard, candidate, set};
