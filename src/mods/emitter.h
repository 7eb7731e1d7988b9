// SPDX-License-Identifier: Apache-2.0
// What writes one operation of an expression, for whoever decides which and where (mods/emit.c,
// mods/tile_text.c).
#pragma once
#include "mods/emit.h"
#include "mods/lanes.h"

typedef struct {
  Text *out;
  const ModLanguage *numbers, *vectors; // vectors NULL: everything is a number
  const BoundMod *bound;
  const ModTree *tree;
  const ModNames *names;
  ModLanes lanes;
  bool is_vector[MOD_MOST_NODES]; // false: a number
  bool writing_vectors;           // what is being written; a number becomes a vector there
  bool some;                      // of vectors, only as many lanes as names->count count
  Error *error;
} Emitter;

void emitter_start(Emitter *emitter, const BoundMod *bound, const ModTree *tree);
// The line that declares the node.
CHECKED bool emitter_declare(Emitter *emitter, int index);
// The value of a node that was declared, or is known, in its own type.
CHECKED bool emitter_value(Emitter *emitter, Text *out, int index);
// A pattern with operands; false: there is no pattern.
bool emitter_expand(Text *out, const char *pattern, const char *const *operand);
ModTextType emitter_type(const Emitter *emitter, int index); // natural, of a node

// An element of an array at kv_idx plus what is one number for a row: consecutive in memory.
typedef struct {
  int row;      // node of the first index of a 2-D array; -1: none
  int rest;     // node that is added to kv_idx; -1: none
  bool negated; // it is subtracted
} EmitterStretch;
// false: it is no such element.
bool emitter_stretch(const Emitter *emitter, int index, EmitterStretch *stretch);
