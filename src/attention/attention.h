// SPDX-License-Identifier: Apache-2.0
// The implementations of attention, behind one interface. Each is chosen by name; one that cannot
// serve a case says why, and nothing ever falls back to another.
//
//   out = softmax(scale q kᵀ + mask) v,   query i of a pass being position past + i of its
//   sequence; key j is visible to it iff past + i - window < j <= past + i (window 0: every j <=
//   past + i)
//
// A row that sees no key gives zeros.
#pragma once
#include "attention/score_code.h"
#include "kernels/ops.h"

typedef struct {
  int64_t batch, heads, kv_heads, head_dim; // heads: a multiple of kv_heads
  int64_t queries, keys;                    // keys: positions that k and v show, at least past + M
  int64_t window;                           // 0: none
  double scale;
  Dtype dtype; // of k and v
} AttentionSpec;

typedef struct {
  Tensor queries; // float32 [batch, heads, M, D]
  Tensor keys;    // [batch, kv_heads, N, D] of the cache's dtype
  Tensor values;  // as keys
  Tensor past;    // int64 [batch]
  void *prepared; // by attention_open
} AttentionInputs;

// The largest pass that a model will make.
typedef struct {
  int64_t batch, keys;
  CpuTier tier;
  ScoreCompiler *compiler; // of flex_attention, outlives what is opened; NULL: it is interpreted
} AttentionLimits;

typedef struct {
  const char *name;    // of --attn-implementation: "eager", "sdpa", …
  const char *backend; // of sdpa: "math", …; NULL for those without
  const char *absent;  // why this build does not have it; NULL: it does
  // false: *error says which part of the case it cannot serve.
  bool (*supports)(const AttentionSpec *spec, Error *error);
  // What it makes once and keeps for all passes, so that they allocate nothing; NULL: nothing.
  bool (*open)(const AttentionLimits *limits, void **prepared, Error *error);
  void (*close)(void *prepared);
  // → float32 [batch * M, heads * D], heads side by side.
  Tensor (*forward)(Ops *ops, const AttentionSpec *spec, const AttentionInputs *inputs);
} Attention;

// All that have a name, those not in this build included, for lists.
int attention_count(void);
const Attention *attention_at(int index);

// The implementation of that name. `backend` NULL: the first that the build has. An unknown name is
// ERROR_ARGUMENT and lists the known ones; a known one that is absent is ERROR_UNSUPPORTED.
CHECKED const Attention *attention_find(const char *name, const char *backend, Error *error);
// Checks what every implementation needs, then asks the implementation.
CHECKED bool attention_supports(const Attention *attention, const AttentionSpec *spec,
                                Error *error);
// What the passes of one model need, one pass at a time: *prepared goes into their inputs and is
// given back with attention_close. NULL for implementations that need nothing.
CHECKED bool attention_open(const Attention *attention, const AttentionLimits *limits,
                            void **prepared, Error *error);
void attention_close(const Attention *attention, void *prepared); // prepared NULL is fine
