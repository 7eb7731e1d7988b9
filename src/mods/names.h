// SPDX-License-Identifier: Apache-2.0
// What names stand for: variables, sizes, functions, a few numbers, and the parameters and arrays
// of a source. `torch.` and `math.` before a function or a number are looked past.
#pragma once
#include "base/text.h"
#include "mods/mod.h"

typedef enum {
  MOD_NAME_UNKNOWN,
  MOD_NAME_VARIABLE, // index: ModVariable
  MOD_NAME_NUMBER,   // index: for mod_name_number
  MOD_NAME_FUNCTION,
  MOD_NAME_PARAMETER,
  MOD_NAME_ARRAY
} ModNameKind;

typedef struct {
  ModNameKind kind;
  int index;
} ModName;

ModName mod_name_find(const ModSource *source, Span name);
double mod_name_number(int index); // inf, nan, pi
// The known name nearest to an unknown one; size 0: none is near.
Span mod_name_near(const ModSource *source, Span name);
// Names of parameters and arrays are Python's, new and different; arrays hold what they may.
CHECKED bool mod_names_check(const ModSource *source, Error *error);
