// SPDX-License-Identifier: Apache-2.0
// An expression as a list of loops (mods/loops.h) over strips of a tile: what depends on neither
// index runs once a tile, on q_idx alone once for the rows of a strip, on kv_idx alone once for its
// columns, and only the rest for each element.
#pragma once
#include "base/array.h"
#include "mods/lanes.h"
#include "mods/loops.h"

enum {
  MOD_STRIP_COLUMNS = 256,
  MOD_STRIP_ROWS = 64,
  MOD_STRIP_ELEMENTS = 2048, // at most, columns rounded up to MOD_LOOP_STEP
};

typedef enum {
  MOD_PLACE_TILE, // scratch by level: MOD_ON_ROW | MOD_ON_COLUMN of mods/rewrite.h
  MOD_PLACE_ROW,
  MOD_PLACE_COLUMN,
  MOD_PLACE_ELEMENT,
  MOD_PLACE_CONSTANT,
  MOD_PLACE_SCORES, // what the caller gives; a copy of it where columns are not whole steps
  MOD_PLACE_RESULT, // the caller's target; likewise a register that is copied to it
  MOD_PLACE_TARGET,
  MOD_PLACE_COUNT
} ModPlace;
enum { MOD_LEVELS = MOD_PLACE_ELEMENT + 1 };

typedef struct {
  ModPlace place;
  ModLaneType lane;
  int64_t offset; // bytes into its place; of an element register its number, until it has a place
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
  MOD_PURPOSE_COUNT
} ModPurpose;

enum { MOD_INDEX_COUNT = 4 }; // b, h, q_idx, kv_idx: MOD_BATCH + i

typedef struct {
  ModPurpose purpose;
  const ModLoopTable *table;
  ARRAY_OF(ModStep) steps[MOD_LEVELS];
  int64_t bytes[MOD_LEVELS]; // of scratch
  ARRAY_OF(int64_t) constants;
  bool reads_scores;
  int64_t score_copy, result;        // element registers
  bool reads[MOD_INDEX_COUNT];       // the indices …
  ModOperand index[MOD_INDEX_COUNT]; // … and where they are
} ModProgram;

// Of a tree with at least one node; keeps pointing to the bound mod's arrays.
CHECKED bool mod_program_compile(ModProgram *program, const BoundMod *bound, const ModTree *tree,
                                 ModPurpose purpose, const ModLoopTable *table, Error *error);
void mod_program_free(ModProgram *program);
