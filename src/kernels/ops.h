// SPDX-License-Identifier: Apache-2.0
// The operator interface that models are written against. The same model code runs at once (eager,
// kernels/eager.h) or is recorded: a form of Ops decides. There is one core, ops_apply, and a thin
// typed wrapper per operator, defined in the operator's file.
//
// A Tensor that an Ops returned may be read by operators alone: model code takes views of it and
// passes it on, and never looks at its data, which may not exist yet.
//
// Errors are sticky: after the first, everything returns an empty Tensor and does nothing; the
// caller looks once, at the end of a pass, at ops_failed.
#pragma once
#include "base/arena.h"
#include "device/team.h"
#include "kernels/kernels.h"
#include "kernels/matrix.h"
#include "tensor/tensor.h"

enum { OPERATOR_MAX_INPUTS = 16 };

// What an operator may use while it runs.
typedef struct {
  const Kernels *kernels;
  Team *team;
  Arena *scratch; // given back when the operator ends; only the calling thread allocates
} OperatorContext;

// What one thread may use while all threads of a team run an operator together.
typedef struct {
  const Kernels *kernels;
  Team *team;          // for barriers, when threads > 1
  void *scratch;       // scratch_bytes, the same memory for all threads, 64-byte aligned
  int thread, threads; // 0 of 1: the caller alone
} OperatorPart;

// Attributes are a struct of 8-byte fields, all set, so that two are equal when their bytes are.
typedef struct {
  const char *name;
  size_t attributes_size; // 0: none
  int written;            // the input it writes through and returns, -1: a new output
  uint32_t also_written;  // bit i: it writes through input i too
  // Checks the inputs; sets the output's dtype, rank and shape (its data and strides are then
  // dense, and made by the Ops). false: *error says what was found and expected.
  bool (*infer)(const Tensor *inputs, int count, const void *attributes, Tensor *output,
                Error *error);
  // How it runs inside a task that all threads of the team are in already: each calls this, and the
  // result is complete after the next barrier. NULL: it cannot, it forks by itself (run).
  void (*part)(const OperatorPart *part, const Tensor *inputs, int count, const void *attributes,
               Tensor *output);
  // Of the parts together. NULL: none.
  int64_t (*scratch_bytes)(const Kernels *kernels, const Tensor *inputs, int count,
                           const void *attributes, int threads);
  // Whether one thread is done before a team has gathered. NULL: never.
  bool (*small)(const Tensor *inputs, const void *attributes, const Tensor *output);
  // How it runs from outside such a task where it is not small. NULL: by its parts.
  void (*run)(const OperatorContext *context, const Tensor *inputs, int count,
              const void *attributes, Tensor *output);
} Operator;

// Runs it now, by the whole team or by the caller alone, whichever is sooner.
void operator_run(const Operator *op, const OperatorContext *context, const Tensor *inputs,
                  int count, const void *attributes, Tensor *output);

typedef struct Ops Ops;

// What differs between the forms.
typedef struct {
  const char *name;
  // Places *output (dense, shape set; or the written input, whole) and runs or records. `kept`: it
  // must outlive the scope.
  void (*apply)(Ops *ops, const Operator *op, const Tensor *inputs, int count,
                const void *attributes, bool kept, Tensor *output);
  void (*scope_begin)(Ops *ops);
  void (*scope_end)(Ops *ops);
} OpsForm;

struct Ops {
  const OpsForm *form;
  Error error; // the first one; code ERROR_NONE: none
};

bool ops_failed(const Ops *ops);
void ops_fail(Ops *ops, const Error *error); // keeps an earlier one
// Clears the error for the next pass. Returns false, with *error set, when there was one.
CHECKED bool ops_finish(Ops *ops, Error *error);

// Infers, places, runs or records one operator. `count` inputs; `attributes` as the operator says.
Tensor ops_apply(Ops *ops, const Operator *op, const Tensor *inputs, int count,
                 const void *attributes);
// The same, for the residual stream: the output lives in one of two buffers that alternate, until
// the next but one of these.
Tensor ops_apply_kept(Ops *ops, const Operator *op, const Tensor *inputs, int count,
                      const void *attributes);

// Scopes nest, one per layer: at the end, all outputs made inside are gone but for the kept ones.
void ops_scope_begin(Ops *ops);
void ops_scope_end(Ops *ops);

// Views: no data moves, nothing is recorded. After an error they return an empty Tensor.
Tensor ops_constant(const float *values, int64_t count);                           // [count]
Tensor ops_columns(const Ops *ops, const Tensor *x, int64_t begin, int64_t count); // [T, C] cut
// [batch * M, heads * D] (rows may be strided) seen as [batch, heads, M, D].
Tensor ops_split_heads(const Ops *ops, const Tensor *x, int64_t batch, int64_t heads);
// The last `count` rows of each of `batch` equal groups of rows of [T, C]: [batch * count, C].
// Expressible when count is 1 or all, or batch is 1.
Tensor ops_last_rows(Ops *ops, const Tensor *x, int64_t batch, int64_t count);
// The rows of [T, C] that are named: rows int64 [S] → [S, C], a copy.
Tensor ops_take_rows(Ops *ops, const Tensor *x, const Tensor *rows);

// The keys [*first, *last) of `keys` that a query at `position` sees: j > position - window (window
// 0: any) and j <= position. Where it sees none, *first = *last.
static inline void ops_visible(int64_t position, int64_t window, int64_t keys, int64_t *first,
                               int64_t *last) {
  *last = position + 1 < keys ? position + 1 : keys;
  if (*last < 0) *last = 0;
  *first = window > 0 && position - window + 1 > 0 ? position - window + 1 : 0;
  if (*first > *last) *first = *last;
}

// Tensors below are float32 but for ids (int32), `past` and the cache.
// past: int64 [batch], the number of positions before the first of this pass, in each sequence.

Tensor ops_embedding(Ops *ops, const Tensor *ids, const Matrix *table); // [T] → [T, columns]
// x [batch * M, C] + table [P, C] at rows past … past + M - 1.
Tensor ops_add_positions(Ops *ops, const Tensor *x, const Tensor *table, const Tensor *past);
Tensor ops_linear(Ops *ops, const Tensor *x, const Matrix *matrix); // [T, columns] → [T, rows]
// [T, columns] → int32 [T]: the first index of the largest element of each row of ops_linear.
Tensor ops_linear_argmax(Ops *ops, const Tensor *x, const Matrix *matrix);
// Over the last dimension; the shape of x. weight, bias [C]; bias NULL: none.
Tensor ops_rms_norm(Ops *ops, const Tensor *x, const float *weight, double epsilon);
Tensor ops_layer_norm(Ops *ops, const Tensor *x, const float *weight, const float *bias,
                      double epsilon);
// Rotates the first 2 * d dims of each head, halves paired: x [batch, heads, M, D]; cosine, sine
// [P, d] by position.
Tensor ops_rope(Ops *ops, const Tensor *x, const Tensor *cosine, const Tensor *sine,
                const Tensor *past);
Tensor ops_activation(Ops *ops, const Tensor *x, Activation activation); // [T, C]
Tensor ops_multiply(Ops *ops, const Tensor *a, const Tensor *b);         // [T, C]
Tensor ops_add(Ops *ops, const Tensor *a, const Tensor *b);              // [T, C]
Tensor ops_add_residual(Ops *ops, const Tensor *a, const Tensor *b);     // ops_add, kept
// The next three work in place: they overwrite what they are given, and return it.
Tensor ops_scale(Ops *ops, const Tensor *x, double factor); // any shape
// Writes -infinity where key j is not visible to query i: j > past + i, or, with window > 0,
// j <= past + i - window. scores [batch, heads, M, N].
Tensor ops_mask(Ops *ops, const Tensor *scores, const Tensor *past, int64_t window);
// Over the last dimension; a row of -infinity gives zeros.
Tensor ops_softmax(Ops *ops, const Tensor *x);
// q [batch, heads, M, D] k [batch, kv_heads, N, D]^T → [batch, heads, M, N]; head h meets kv head
// h / (heads / kv_heads). k may be any compute dtype.
Tensor ops_matmul_scores(Ops *ops, const Tensor *q, const Tensor *k);
// p [batch, heads, M, N] v [batch, kv_heads, N, D] → [batch * M, heads * D], heads side by side.
Tensor ops_matmul_values(Ops *ops, const Tensor *p, const Tensor *v);
// Rounds x [batch, kv_heads, M, D] into cache [batch, kv_heads, capacity, D] at positions past …;
// returns the cache.
Tensor ops_cache_write(Ops *ops, const Tensor *x, const Tensor *cache, const Tensor *past);

// Fused: several of the above in one pass, the same values but for the order of roundings.

typedef struct {
  const float *weight, *bias; // [C]; bias NULL: none
  double epsilon;
  bool layer_norm; // else RMSNorm
} NormWeights;

// ops_activation of ops_linear of the norm of x.
Tensor ops_norm_linear(Ops *ops, const Tensor *x, const NormWeights *norm, const Matrix *matrix,
                       Activation activation);
// ops_linear_argmax of the norm of x.
Tensor ops_norm_argmax(Ops *ops, const Tensor *x, const NormWeights *norm, const Matrix *matrix);
// activation(gate) up, with [gate, up] = ops_norm_linear: [T, rows / 2].
Tensor ops_gated_linear(Ops *ops, const Tensor *x, const NormWeights *norm, const Matrix *matrix,
                        Activation activation);
// residual + ops_linear(x), kept.
Tensor ops_linear_add(Ops *ops, const Tensor *x, const Matrix *matrix, const Tensor *residual);
// qkv [batch * M, (heads + 2 kv_heads) D] → queries [batch, heads, M, D]; keys and values go into
// their caches at rows slots … (`past`, but where sequences share a cache); what the attributes
// name is normalised, then rotated as positions past … are.
typedef struct {
  int64_t heads, kv_heads, head_dim;
  bool rotate;
  const float *query_norm, *key_norm; // [D] or NULL: RMSNorm of each head
  double epsilon;
} HeadLayout;
Tensor ops_rope_cache(Ops *ops, const Tensor *qkv, const HeadLayout *layout, const Tensor *cosine,
                      const Tensor *sine, const Tensor *past, const Tensor *slots,
                      const Tensor *keys, const Tensor *values);
