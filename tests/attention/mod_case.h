// SPDX-License-Identifier: Apache-2.0
// The mods that back ends are tested with: the nine patterns, with windows that fit small shapes,
// and expressions of every kind that users write, bound to a shape, with their double-precision
// form.
#pragma once
#include "base/random.h"
#include "reference.h"

typedef struct {
  const char *name;
  Mod *mod;
  BoundMod *bound;
  ReferenceMod reference; // of `bound`
  void *arrays;
} ModCase;

int mod_case_count(void);
// Number `index`, bound to the problem's shape, with random arrays. Fails the test on errors.
ModCase mod_case_make(int index, const AttentionProblem *problem, Random *random);
void mod_case_free(ModCase *c);
