// SPDX-License-Identifier: Apache-2.0
// What one thread does at a time of flash_decode.h: a chunk of the keys of one key head, or of all
// of a sequence, against the one query of each head of their groups, as a summary per head.
//
// Where key heads lie side by side in memory ([B, S, H, D] seen as [B, H, S, D]) a unit is all of
// them, and they take turns every few keys: memory is then read nearly in order, which doubles the
// bandwidth.
#pragma once
#include "attention/flash_decode.h"
#include "attention/key_chunk.h"

typedef struct {
  const FlashDecode *decode;
  const AttentionOperands *operands;
  int64_t batch, kv_head, kv_heads; // the first, and how many
  int64_t chunk;                    // index
} DecodeUnit;

// Whether key heads lie side by side.
bool decode_heads_beside(const AttentionOperands *operands);
// Of one thread: a multiple of MATRIX_ALIGNMENT. chunk: keys.
int64_t decode_unit_bytes(const AttentionProblem *problem, const ScoreStage *stage, int64_t chunk);
void decode_unit_run(const DecodeUnit *unit, void *scratch);
// Of the rows of a group, where the unit leaves it.
KeySummary decode_summary(const FlashDecode *decode, int64_t batch, int64_t kv_head, int64_t chunk);
