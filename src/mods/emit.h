// SPDX-License-Identifier: Apache-2.0
// A bound expression as straight-line source text, one declaration for each operation, through one
// table per target language (C over numbers, C over vectors with masks for truth values; CUDA C
// would be a table like them). The emitter names nothing by itself: the caller says what the
// variables and the arrays are called in the code around it.
//
//   const float t1 = (float)k;         names.prefix "t", variable[MOD_KEY] "k"
//   const float t3 = t1 * 0x1p-1f;
//
// For loops over tiles see mods/tile_text.h.
#pragma once
#include "base/text.h"
#include "mods/mod.h"

// Integers are 32 bits wide where ranges prove that this is enough.
typedef enum {
  MOD_TEXT_BOOL,
  MOD_TEXT_INT,
  MOD_TEXT_LONG,
  MOD_TEXT_FLOAT,
  MOD_TEXT_COUNT
} ModTextType;

// Patterns are expressions that hold together where they are put, with $0, $1, $2 for operands:
// names, or what other patterns gave. NULL: it cannot occur.
typedef struct {
  const char *type[MOD_TEXT_COUNT];
  const char *declaration;             // $0 type, $1 name, $2 value
  const char *literal[MOD_TEXT_COUNT]; // $0 digits; of a float hexadecimal, without suffix
  const char *infinity, *negative_infinity, *nan;
  const char *convert[MOD_TEXT_COUNT][MOD_TEXT_COUNT]; // [from][to]
  // By the type of the array's elements: $0 array, $1 index, an int or (far) a long.
  const char *element[MOD_TEXT_COUNT], *far_element[MOD_TEXT_COUNT];
  // By the type of the operands (the branches of where). Floor division, remainder and powers of
  // integers as mods/tree.h says; int() of a float gives a long.
  const char *operation[MOD_OPERATION_COUNT][MOD_TEXT_COUNT];
  // An int divided by 2 to the $1, and what is left.
  const char *shift, *low_bits; // $1: the power, the divisor less one
  const char *prelude;          // what must stand before: the functions that patterns call

  // Of vectors alone. A number of the other language, as this type.
  const char *broadcast[MOD_TEXT_COUNT];
  // Consecutive elements from address $0 on, all or $1 of them; by the type of the elements.
  const char *load[MOD_TEXT_COUNT], *load_some[MOD_TEXT_COUNT];
  const char *store[MOD_TEXT_COUNT]; // $1 to the address $0
  // Ints divided by an int of the other language; short: below 2^21 in magnitude, both.
  const char *floor_divide_by, *short_floor_divide_by, *remainder_by, *short_remainder_by;
} ModLanguage;

// C17 without a header or a library, for loops that a compiler can vectorize; to be compiled with
// -fno-math-errno.
extern const ModLanguage mod_language_c;
// The same over vectors of MOD_LANES numbers, which the code around defines (4, 8, 16); its prelude
// stands behind that of mod_language_c.
extern const ModLanguage mod_language_vectors;

typedef struct {
  // "score", "q", …: a float and integers of any width; q_idx includes the query offset. NULL:
  // not there. Of vectors, score and kv_idx are vectors, kv_idx of ints.
  const char *variable[MOD_VARIABLE_COUNT];
  const char *const *array;   // by index: pointers to int32, int64, float and bytes of 0 or 1
  const char *const *columns; // by index: the second extent of a 2-D array; NULL: written as it is
  const char *prefix;         // of the names that are made, with the number of the node
  const char *indent;         // before each line
  // Of vectors: kv_idx of the first lane (a long), how many lanes count, the column of the tile.
  const char *first_key, *count, *column;
} ModNames;

// Appends the lines, and writes what holds the value (a name or a literal: an int of 0 or 1 of a
// mask, a float of a score) into result[size]. The tree is one of the bound mod's. false: a
// variable or an operation that names or language lack, or a result too long.
CHECKED bool mod_emit(Text *out, const ModLanguage *language, const BoundMod *bound,
                      const ModTree *tree, const ModNames *names, char *result, int size,
                      Error *error);
