// SPDX-License-Identifier: Apache-2.0
// An expression as a list of loops (mods/loops.h) over strips of a tile: what depends on neither
// index runs once a tile, on q_idx alone once for the rows of a strip, on kv_idx alone once for its
// columns, and only the rest for each element.
#pragma once
#include "base/array.h"
#include "mods/loops.h"
#include "mods/mod.h"

enum {
  MOD_STRIP_COLUMNS = 256,
  MOD_STRIP_ROWS = 64,
  MOD_STRIP_ELEMENTS = 2048, // at most, columns rounded up to MOD_LOOP_STEP
};

// Once a tile, by row, by column, by element: MOD_ON_ROW | MOD_ON_COLUMN of mods/rewrite.h.
enum { MOD_LEVELS = 4 };

typedef enum {
  MOD_PLACE_TILE, // the first four: scratch of that level
  MOD_PLACE_ROW,
  MOD_PLACE_COLUMN,
  MOD_PLACE_ELEMENT,
  MOD_PLACE_CONSTANT,
  MOD_PLACE_SCORES, // what the caller gives; a copy of it where columns are not whole steps
  MOD_PLACE_RESULT, // the caller's target, or an element register copied to it, likewise
  MOD_PLACE_TARGET,
} ModPlace;

typedef enum { MOD_LANE_INT, MOD_LANE_FLOAT, MOD_LANE_LONG } ModLaneType;

typedef struct {
  ModPlace place;
  ModLaneType lane;
  int64_t offset; // bytes into its area
} ModOperand;

typedef struct {
  ModLoopFunction *run;
  bool sink; // writes to the caller's array: the exact columns
  ModOperand out, in[3];
  const void *array;
  int64_t extent;
} ModStep;

// What the program does with the value of the expression.
typedef enum {
  MOD_PURPOSE_SCORE, // float: target = value
  MOD_PURPOSE_SCALE, // float: target *= value
  MOD_PURPOSE_HIDE,  // bool: target = -infinity where false
  MOD_PURPOSE_SHOW,  // bool: bytes of 0 or 1
} ModPurpose;

typedef struct {
  ModPurpose purpose;
  const ModLoopTable *table;
  ARRAY_OF(ModStep) steps[MOD_LEVELS];
  int64_t bytes[MOD_LEVELS]; // of scratch
  ARRAY_OF(int64_t) constants;
  bool reads_scores;
  ModOperand score_copy; // an element register
  bool reads[4];         // b, h, q_idx, kv_idx …
  ModOperand index[4];   // … and where they are
} ModProgram;

// Of a tree with at least one node; keeps pointing to the bound mod's arrays.
CHECKED bool mod_program_compile(ModProgram *program, const BoundMod *bound, const ModTree *tree,
                                 ModPurpose purpose, const ModLoopTable *table, Error *error);
void mod_program_free(ModProgram *program);
int64_t mod_lane_size(ModLaneType lane); // 4 or 8
