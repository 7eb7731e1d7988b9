// SPDX-License-Identifier: Apache-2.0
// Whether a bound score_mod is one of the forms that kernels have of their own.
#pragma once
#include "mods/mod.h"

typedef enum {
  MOD_FORM_NONE,    // the score as it is
  MOD_FORM_AFFINE,  // score + query_slope q_idx + key_slope kv_idx + constant, each by batch and
                    // head
  MOD_FORM_SOFTCAP, // cap tanh(score / cap)
  MOD_FORM_OTHER
} ModFormKind;

typedef struct {
  ModFormKind kind;
  double cap;
} ModForm;

ModForm mod_recognize(const BoundMod *bound);

typedef struct {
  double query_slope, key_slope, constant;
} ModAffine;

// Of a mod whose form is affine, at one batch and head; q_idx includes the shape's query_offset.
ModAffine mod_affine_at(const BoundMod *bound, int64_t batch, int64_t head);
