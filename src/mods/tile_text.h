// SPDX-License-Identifier: Apache-2.0
// A bound expression as source text for loops over the rows and columns of a tile, columns by
// vectors: what depends on neither index stands before the loops, what depends on q_idx alone in
// the loop over rows, both as numbers; what depends on kv_idx alone and is dear is computed once
// for all rows and kept in an array; the rest is written for each vector.
//
//   once       const float s3 = mod_exp2(…);                     of h: a slope
//   columns    mod_store_floats(sc9 + c, s9);                    of kv_idx alone
//   row        const float s12 = (float)q;
//   element    const ModFloats s9 = mod_load_floats(sc9 + c);
//              const ModFloats s15 = x + mod_same_float(s12) * s9;
//
// The expression is rewritten for that first (mods/rewrite.h).
#pragma once
#include "mods/emit.h"

typedef struct ModTileText ModTileText;

enum { MOD_TILE_MOST_ARRAYS = 4 }; // of columns

// Names, the tree's own aside, are kept by the caller. NULL on failure.
CHECKED ModTileText *mod_tile_text_open(const BoundMod *bound, const ModTree *tree,
                                        const ModNames *names, Error *error);
void mod_tile_text_close(ModTileText *text); // NULL is fine

typedef enum { MOD_TILE_ONCE, MOD_TILE_COLUMNS, MOD_TILE_ROW, MOD_TILE_ELEMENT } ModTilePart;

// Arrays that the columns are kept in, of four bytes a column: array i is called PREFIX "c" i.
int mod_tile_text_arrays(const ModTileText *text);
// Operations of an element, dear ones counting more: by how much a loop is worth unrolling.
int mod_tile_text_weight(const ModTileText *text);
// Appends the lines of a part. `some`: only names->count lanes may be read from arrays (of COLUMNS
// and ELEMENT).
CHECKED bool mod_tile_text_append(ModTileText *text, ModTilePart part, bool some,
                                  const char *indent, Text *out, Error *error);
// What holds the value behind the lines of ELEMENT: a vector of floats, or a mask.
CHECKED bool mod_tile_text_value(ModTileText *text, Text *out, Error *error);
