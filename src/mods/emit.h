// SPDX-License-Identifier: Apache-2.0
// A bound expression as straight-line source text, through one table per target language (C now,
// CUDA C later). The emitter names nothing by itself: the caller says what the variables, the
// arrays and the functions are called in the code around it.
#pragma once
#include "base/text.h"
#include "mods/mod.h"

typedef struct {
  const char *boolean, *integer, *real; // the names of the value types
  const char *assign;                   // printf format of one line: type, name, value
  // The expression of one operation; operands are names or literals. false: not in this language.
  bool (*operation)(Text *out, const ModNode *node, const ModType *types,
                    const char *const *operand);
  void (*literal)(Text *out, const ModNode *constant);
} ModLanguage;

extern const ModLanguage mod_language_c; // scalar C17 over int64_t, float; calls floorf, tanhf, …

typedef struct {
  const char *variable[MOD_VARIABLE_COUNT]; // "score", "q", …
  const char *const *array;                 // by index
  const char *prefix;                       // of the names that are made: "t" gives t0, t1, …
} ModNames;

// Appends the lines, and writes what holds the result into result[size].
CHECKED bool mod_emit(Text *out, const ModLanguage *language, const BoundMod *bound,
                      const ModTree *tree, const ModNames *names, char *result, int size,
                      Error *error);
