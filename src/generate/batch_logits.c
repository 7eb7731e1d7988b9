// SPDX-License-Identifier: Apache-2.0
#include "base/memory.h"
#include "generate/batch_state.h"
#include <string.h>

// One sequence that is fed what it is told.
typedef struct {
  Batch *batch;
  const int32_t *ids;
  int64_t length, positions; // logits of the last `positions` tokens are wanted
  int64_t together;          // tokens that are fed in chunks; the rest one by one
  int64_t computed;
  int32_t *blocks;
  int64_t block_count;
  float *logits;
} Forced;

static bool take_blocks(Forced *forced, int64_t end, Error *error) {
  while (forced->block_count * forced->batch->options.block_size < end) {
    int32_t block = block_pool_take(forced->batch->pool);
    if (block == BLOCK_NONE)
      return error_set(error, ERROR_ARGUMENT, "logits", "of %lld tokens, more than the cache has",
                       (long long)forced->length);
    forced->blocks[forced->block_count++] = block;
  }
  return true;
}

static bool feed(Forced *forced, Error *error) {
  Batch *batch = forced->batch;
  int64_t left = forced->together - forced->computed, budget = batch->options.token_budget;
  int64_t count = left < 1 ? 1 : left < budget ? left : budget;
  if (!take_blocks(forced, forced->computed + count, error)) return false;
  step_rows_clear(&batch->rows);
  int64_t row = step_rows_add(&batch->rows, forced->ids + forced->computed, count, forced->computed,
                              forced->blocks, batch->options.block_size);
  for (int64_t i = 0; i < count; i++)
    if (forced->computed + i >= forced->length - forced->positions)
      step_rows_sample(&batch->rows, row + i);
  int64_t floats = batch->rows.samples * batch->decoder.config->vocabulary;
  forced->computed += count;
  ops_scope_begin(batch->ops);
  Tensor made = batch_pass(batch, false);
  if (!ops_failed(batch->ops)) memcpy(forced->logits, made.data, (size_t)floats * sizeof(float));
  ops_scope_end(batch->ops);
  forced->logits += floats;
  return ops_finish(batch->ops, error);
}

static bool check(const Batch *batch, const Forced *forced, int64_t stepwise, Error *error) {
  if (batch->running_count + batch->waiting_count > 0)
    return error_set(error, ERROR_ARGUMENT, "logits", "while requests wait or run");
  if (stepwise < 0 || stepwise > forced->length || forced->positions < 1 ||
      forced->positions > forced->length || forced->length > batch->options.max_tokens)
    return error_set(error, ERROR_ARGUMENT, "logits",
                     "%lld positions and %lld steps of %lld tokens", (long long)forced->positions,
                     (long long)stepwise, (long long)forced->length);
  for (int64_t i = 0; i < forced->length; i++)
    if (forced->ids[i] < 0 || forced->ids[i] >= batch->decoder.config->vocabulary)
      return error_set(error, ERROR_ARGUMENT, "ids",
                       "id %d at place %lld is outside the vocabulary", forced->ids[i],
                       (long long)i);
  return true;
}

bool batch_logits(Batch *batch, const int32_t *ids, int64_t length, int64_t positions,
                  int64_t stepwise, float *logits, Error *error) {
  Forced forced = {.batch = batch,
                   .ids = ids,
                   .length = length,
                   .positions = positions,
                   .together = length - stepwise,
                   .logits = logits};
  if (!check(batch, &forced, stepwise, error)) return false;
  forced.blocks = memory_allocate((size_t)batch->rows.blocks_row * sizeof(int32_t));
  bool done = true;
  while (done && forced.computed < length) done = feed(&forced, error);
  while (forced.block_count > 0) block_pool_give(batch->pool, forced.blocks[--forced.block_count]);
  memory_free(forced.blocks);
  return done;
}
