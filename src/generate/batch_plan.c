// SPDX-License-Identifier: Apache-2.0
// What a step computes. A sequence is `computed` of `count` tokens long: one token behind it
// decodes, more are a prompt, or one that was preempted.
#include "base/memory.h"
#include "generate/batch_context.h"

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

void batch_drop_blocks(Batch *batch, Sequence *sequence) {
  for (int64_t i = sequence->block_count - 1; i >= 0; i--)
    block_pool_give(batch->pool, sequence->blocks[i]);
  sequence->block_count = sequence->computed = sequence->published = 0;
}

void batch_push_waiting(Batch *batch, Sequence *sequence, bool front) {
  sequence->state = SEQUENCE_WAITING;
  sequence->before = front ? NULL : batch->last_waiting;
  sequence->after = front ? batch->first_waiting : NULL;
  *(sequence->before ? &sequence->before->after : &batch->first_waiting) = sequence;
  *(sequence->after ? &sequence->after->before : &batch->last_waiting) = sequence;
  batch->waiting_count++;
}

void batch_remove_waiting(Batch *batch, Sequence *sequence) {
  *(sequence->before ? &sequence->before->after : &batch->first_waiting) = sequence->after;
  *(sequence->after ? &sequence->after->before : &batch->last_waiting) = sequence->before;
  batch->waiting_count--;
}

void batch_compact(Batch *batch) {
  int64_t kept = 0;
  for (int64_t i = 0; i < batch->running_count; i++)
    if (batch->running[i]->state == SEQUENCE_RUNNING) batch->running[kept++] = batch->running[i];
  batch->running_count = kept;
}

// Its tokens stay, and are all computed again when it is admitted.
static void preempt(Batch *batch, Sequence *sequence) {
  batch_drop_blocks(batch, sequence);
  batch_push_waiting(batch, sequence, true);
  sequence->preemptions++;
  batch->facts.preemptions++;
}

// Of those admitted after `place`, the last that this step does not need. Returns whether one went.
static bool preempt_after(Batch *batch, int64_t place) {
  for (int64_t i = batch->running_count - 1; i > place; i--) {
    Sequence *sequence = batch->running[i];
    if (sequence->state != SEQUENCE_RUNNING || sequence->planned) continue;
    preempt(batch, sequence);
    return true;
  }
  return false;
}

// Takes blocks for `count` more tokens, or as many as there are blocks for. Returns how many.
static int64_t take_blocks(Batch *batch, Sequence *sequence, int64_t count) {
  int64_t size = batch->options.block_size, end = sequence->computed + count;
  while (sequence->block_count * size < end) {
    int32_t block = block_pool_take(batch->pool);
    if (block == BLOCK_NONE) break;
    sequence->blocks[sequence->block_count++] = block;
  }
  return smaller(end, sequence->block_count * size) - sequence->computed;
}

static int64_t budget_left(const Batch *batch) {
  return batch->options.token_budget - batch->rows.rows;
}

// Puts the next tokens of a running sequence into the step, as many as budget and blocks allow.
static void plan_sequence(Batch *batch, Sequence *sequence) {
  int64_t wanted = smaller(sequence->count - sequence->computed, budget_left(batch));
  int64_t count = take_blocks(batch, sequence, wanted);
  if (count < 1) return;
  int64_t first = step_rows_add(&batch->rows, sequence->ids + sequence->computed, count,
                                sequence->computed, sequence->blocks, batch->options.block_size);
  sequence->planned = count;
  sequence->sample = -1;
  if (sequence->computed + count < sequence->count) return;
  sequence->sample = batch->rows.samples;
  step_rows_sample(&batch->rows, first + count - 1);
}

static bool decodes(const Sequence *sequence) {
  return sequence->count - sequence->computed == 1;
}

// A sequence that decodes takes a block from a younger one where none is free.
static void plan_running(Batch *batch, bool decoding) {
  for (int64_t i = 0; i < batch->running_count && budget_left(batch) > 0; i++) {
    Sequence *sequence = batch->running[i];
    if (sequence->state != SEQUENCE_RUNNING || sequence->planned || decodes(sequence) != decoding)
      continue;
    plan_sequence(batch, sequence);
    while (decoding && !sequence->planned && preempt_after(batch, i))
      plan_sequence(batch, sequence);
  }
}

// Takes the context, and the full blocks that others computed of the same beginning behind it. One
// token is left: the next is chosen from what comes out of it.
static void find_prefix(Batch *batch, Sequence *sequence) {
  int64_t size = batch->options.block_size;
  sequence->computed =
      batch_context_take(batch, sequence->context, sequence->blocks, &sequence->block_count);
  sequence->published = batch->contexts.length / size;
  if (sequence->computed % size) return;
  int32_t before = sequence->block_count ? sequence->blocks[sequence->block_count - 1] : BLOCK_NONE;
  while (sequence->computed + size < sequence->count) {
    before = block_pool_find(batch->pool, before, sequence->ids + sequence->computed);
    if (before == BLOCK_NONE) break;
    sequence->blocks[sequence->block_count++] = before;
    sequence->computed += size;
    sequence->published++;
    batch->facts.shared += size;
  }
}

static bool room_for_more(const Batch *batch) {
  int64_t blocks = block_pool_size(batch->pool) - batch_context_blocks(batch);
  double margin = batch->scheduler->margin * (double)blocks;
  return batch->running_count < batch->options.max_sequences && budget_left(batch) > 0 &&
         (double)block_pool_free(batch->pool) >= margin;
}

static void plan_waiting(Batch *batch) {
  while (batch->first_waiting && room_for_more(batch)) {
    Sequence *sequence = batch->first_waiting;
    find_prefix(batch, sequence);
    plan_sequence(batch, sequence);
    if (!sequence->planned) {
      batch_drop_blocks(batch, sequence);
      return;
    }
    batch_remove_waiting(batch, sequence);
    sequence->state = SEQUENCE_RUNNING;
    batch->running[batch->running_count++] = sequence;
  }
}

static void plan_phases(Batch *batch) {
  int64_t preempted = batch->facts.preemptions;
  for (int i = 0; i < SCHEDULER_PHASES; i++) {
    SchedulerPhase phase = batch->scheduler->phases[i];
    // Who was just preempted would take back what it gave.
    if (phase != PHASE_WAITING)
      plan_running(batch, phase == PHASE_DECODE);
    else if (batch->facts.preemptions == preempted)
      plan_waiting(batch);
  }
  batch_compact(batch);
}

void batch_plan(Batch *batch) {
  step_rows_clear(&batch->rows);
  plan_phases(batch);
  // Prompts in chunks can hold all blocks between them, and none go on.
  while (batch->rows.rows == 0 && batch->running_count > 0) {
    preempt(batch, batch->running[batch->running_count - 1]);
    batch_compact(batch);
    plan_phases(batch);
  }
}
