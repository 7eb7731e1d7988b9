// SPDX-License-Identifier: Apache-2.0
// What the files of continuous batching share.
#pragma once
#include "generate/block_pool.h"
#include "generate/continuous_batch.h"
#include "generate/scheduler.h"
#include "generate/step_rows.h"

typedef enum { SEQUENCE_WAITING, SEQUENCE_RUNNING } SequenceState;

struct Sequence {
  SequenceState state;
  Sequence *before, *after; // while it waits
  BatchRequest request;     // its prompt is `ids`
  int32_t *ids;             // [room]: those known, then those to be made
  int64_t room;
  int64_t context;         // which it stands behind; its ids come first
  int64_t count, computed; // ids known; those whose keys and values are in blocks
  int32_t *blocks;         // room for those of all ids
  int64_t block_count;
  int64_t published; // blocks that the pool knows the tokens of, or that are a context's
  int64_t planned;   // rows of the step being taken; 0: none
  int64_t sample;    // which of the step's samples is its next token; -1: none
  bool started;
  bool ending; // after the step, as `end` says
  BatchEnd end;
  int64_t preemptions;
};

// What requests stand behind; count 0: nothing.
typedef struct {
  int64_t count, length;
  int64_t computed;    // of count, that are in blocks
  int64_t next;        // whose turn it is
  int64_t block_count; // of each
  int32_t *ids;        // [count, length]
  int32_t *blocks;     // [count, block_count]
} BatchContexts;

struct Batch {
  const Model *model;
  BatchOptions options;
  Decoder decoder;
  const Scheduler *scheduler;
  Ops *ops;
  StepPrograms *programs; // NULL: not compiled
  PagedCacheShape shape;
  PagedCache *cache;
  BlockPool *pool;
  BatchContexts contexts;
  Rope *rope;
  Sampler *sampler;
  StepRows rows;
  PagedPlaces places;
  Sequence **running; // [max_sequences], the one admitted first before all
  int64_t running_count;
  Sequence *spare; // those that ended, to be used again, linked by `after`
  int64_t spare_count;
  Sequence *first_waiting, *last_waiting;
  int64_t waiting_count;
  BatchStep last; // without padding
  bool stepping;
  BatchFacts facts;
};

// Fills batch->rows with the work of the next step, taking blocks and admitting requests, as the
// scheduler says. No rows: there is nothing to do.
void batch_plan(Batch *batch);
// Gives a sequence's blocks back; what was computed is forgotten.
void batch_drop_blocks(Batch *batch, Sequence *sequence);
void batch_push_waiting(Batch *batch, Sequence *sequence, bool front);
void batch_remove_waiting(Batch *batch, Sequence *sequence);
// Takes those that do not run out of batch->running.
void batch_compact(Batch *batch);
// Runs the pass over batch->rows: logits [samples, vocabulary], or choices [samples]; they stay
// until the scope that the caller has opened ends.
Tensor batch_pass(Batch *batch, bool choose);
// The size that a pass over so many tokens is padded to when it is compiled, at most `most`: 1, 2,
// 3, 4, 6, 8, 12, 16, 24, …
int64_t batch_padded(int64_t count, int64_t most);
// A pass of padding alone, of the size of one in which all rows decode, or of a mixed one.
void batch_pass_empty(Batch *batch, int64_t rows, bool decodes);
