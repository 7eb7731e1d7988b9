// SPDX-License-Identifier: Apache-2.0
// Some rows of queries against a chunk of one head's keys as they lie in memory: scores, the stage,
// the softmax and the weighted values, as a summary. Keys and values are read in their own dtype
// and packed for nobody.
//
// How infinities and NaNs travel: flash_strip.h.
#pragma once
#include "attention/key_runs.h"
#include "attention/key_summary.h"
#include "attention/problem.h"

// Neighbouring queries of one head, or the one query of neighbouring heads.
typedef struct {
  int64_t batch, head, query; // of the first row
  int64_t rows;
  bool heads;           // rows are heads
  const float *queries; // [rows][D], scaled
} ChunkRows;

// Of one thread.
typedef struct {
  const AttentionProblem *problem;
  const ScoreStage *stage;
  const Kernels *kernels;
  const AttentionOperands *operands;
  int64_t most_rows, chunk; // keys
  float *scores;            // [most_rows][chunk]
  float *hidden;            // as scores
  float *value;             // [D]
  float *factor;            // [most_rows]
  float *found;             // [most_rows]: the new largest, where the stage's code tells it
  void *product, *scratch;  // of a Matmul, of the stage
} KeyChunkWork;

int64_t key_chunk_bytes(const AttentionProblem *problem, int64_t stage_scratch, int64_t most_rows,
                        int64_t chunk); // a multiple of 64
// work: problem, stage, kernels, operands, most_rows and chunk are set; sets the rest.
void key_chunk_place(KeyChunkWork *work, void *memory);

// Adds to the summary the keys before `last` that `runs` has not handed out, at most `chunk` from
// the first to the last.
void key_chunk_attend(const KeyChunkWork *work, const ChunkRows *rows, KeyRuns *runs, int64_t last,
                      const KeySummary *summary);
