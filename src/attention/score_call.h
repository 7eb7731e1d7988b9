// SPDX-License-Identifier: Apache-2.0
// How the machine code of a score stage is called (score_code.h). This file is also text: what such
// code is built from begins with it, so that both sides agree. It includes nothing.
#ifndef SCORE_CALL
#define SCORE_CALL

typedef __INT64_TYPE__ ScoreInteger;

enum { SCORE_TILE_COLUMNS = 1024 }; // at most, of a tile

// Scores of queries [query, query + rows) x keys [key, key + columns) of one head; row r at
// scores + r * stride; columns beyond the last key do not occur.
typedef struct {
  ScoreInteger batch, head, query, key;
  ScoreInteger rows, columns, stride;
} ScoreTile;

// Keys [first, last) for a block of queries (or queries for a block of keys), in order; partial:
// the mask must be looked at.
typedef struct {
  ScoreInteger first, last;
  _Bool partial;
} ScoreRun;

// What is the same in all calls.
typedef struct {
  const void *const *arrays;         // of the mod
  const ScoreInteger *columns;       // of those that have two dimensions
  ScoreInteger query_offset;         // q_idx of the first query
  ScoreInteger batch, queries, keys; // B, M, N
} ScoreGiven;

typedef struct {
  ScoreTile tile;
  const ScoreRun *parts; // keys of the tile that the mask must be looked at for, in order
  ScoreInteger part_count;
  float *scores;
  const float *largest; // [rows]
  float *found;         // [rows]
  float *slopes;        // as scores
  void *scratch;        // of the thread
  const ScoreGiven *given;
  float scale;
} ScoreCall;

typedef void ScoreFunction(const ScoreCall *call);

#endif
