// SPDX-License-Identifier: Apache-2.0
// A mod: a score_mod and a mask_mod, written as expressions over score, b, h, q_idx and kv_idx, as
// FlexAttention's users know them (Dong et al. 2024, arXiv:2412.05496).
//
//   text ─► mod_parse ─► Mod ─► mod_bind(shape) ─► BoundMod ─► interpret | intervals | emit
//
// A Mod is what the user wrote, checked; a BoundMod is that for one shape: constants, parameters
// and sizes folded in, the derivative ready.
#pragma once
#include "mods/tree.h"
#include "tensor/tensor.h"

typedef struct {
  const char *name;
  bool is_float;
  int64_t integer;
  double real;
} ModParameter;

typedef struct {
  const char *name;
  Tensor values; // rank 1 or 2, dense; int32, int64, float32 or bool; kept by the caller
} ModArray;

// Texts are copied; array values are not.
typedef struct {
  const char *name;
  const char *score, *mask; // NULL or "": none
  int parameter_count, array_count;
  const ModParameter *parameters;
  const ModArray *arrays;
} ModSource;

typedef struct Mod Mod;

// NULL on failure; the message shows the text with a mark under the place.
CHECKED Mod *mod_parse(const ModSource *source, Error *error);
void mod_close(Mod *mod); // NULL is fine
const ModSource *mod_source(const Mod *mod);

typedef struct {
  int64_t batch, heads, kv_heads, queries, keys, head_dim; // B, Hq, Hkv, M, N, D
  int64_t query_offset; // q_idx of the first query: N/2 when decoding as the peer does, else 0
  bool open;            // batch, queries and keys are the most that they may be (mod_bind_open)
} ModShape;

typedef struct {
  const char *name; // of the mod; "" where it has none
  ModShape shape;
  bool guarded; // reads of arrays had to be clamped, where conditions keep them from being used
  ModTree score, mask; // count 0: none (the score as it is; everything visible)
  ModTree derivative;  // d score_mod / d score; count 0: one
  int array_count;
  const ModArray *arrays;
} BoundMod;

// Folds the shape in, simplifies, differentiates, and proves by intervals that no integer leaves
// int64 and no array is read outside its extents (an index that may be outside is refused with the
// array's name, its extent and the range found, unless a condition guards it: mods/guard.h). What
// is proved holds for the elements of the shape and for no others. The BoundMod outlives the Mod;
// it keeps pointing to the values of the arrays.
CHECKED bool mod_bind(const Mod *mod, const ModShape *shape, BoundMod **bound, Error *error);
void bound_mod_close(BoundMod *bound);

enum { MOD_OPEN_BATCH = 1 << 16, MOD_OPEN_LENGTH = 1 << 20 };

// What `bound`, which mod was bound to, is for every batch up to MOD_OPEN_BATCH and all lengths
// (with the query offset) up to MOD_OPEN_LENGTH: B, M and N stay names, and arrays may hold
// whatever their type does. Array indices are not proved: they hold for the elements of a shape
// that the mod was bound to, and for no others. ERROR_UNSUPPORTED where that cannot be: larger
// shapes, reads that are guarded for this one, integers that may leave int64 for others.
CHECKED bool mod_bind_open(const Mod *mod, const BoundMod *bound, BoundMod **open, Error *error);
