// SPDX-License-Identifier: Apache-2.0
// Random well-typed expressions over small shapes, for the tests that compare one way of evaluating
// with another.
#pragma once
// cmocka wants these before it
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// and then
#include "base/random.h"
#include "mods/mod.h"
#include <cmocka.h>

enum { RANDOM_ARRAYS = 6, RANDOM_EXTENT = 97 };

// Arrays: documents (int32, sorted), far (int64, some beyond 32 bits), slopes and bias (float32;
// bias 2-D), seen (bool, 2-D), table (int32, 2-D). Each extent is RANDOM_EXTENT or, of the columns
// of a 2-D array, RANDOM_EXTENT + 1.
typedef struct {
  Random random;
  ModShape shape;
  ModArray arrays[RANDOM_ARRAYS];
  void *storage[RANDOM_ARRAYS];
  ModNode nodes[MOD_MOST_NODES];
  int count;
  bool score;  // whether the score may be read
  bool smooth; // no steps and kinks: continuous in the score
  bool plain;  // no arrays
} RandomMod;

void random_mod_open(RandomMod *mod, uint64_t seed);
void random_mod_close(RandomMod *mod);
// A tree of this type in mod->nodes, about `size` nodes, whose integers provably stay in int64;
// valid until the next call.
ModTree random_mod_tree(RandomMod *mod, ModType type, int size);
// The tree as the language writes it, for messages; caller frees.
char *random_mod_text(const ModTree *tree);
uint64_t random_mod_seed(void); // fresh, or TEST_SEED of the environment; printed
