// SPDX-License-Identifier: Apache-2.0
// The implementations by the names of the attention benchmark, forward and backward, behind one
// interface. What depends on shape and mod alone (block masks, row ranges, interpreters) is
// prepared once and timed apart.
#pragma once
#include "attention/problem.h"
#include "attention/score_code.h"
#include "device/team.h"

typedef struct AttentionPlan AttentionPlan; // each back end has its own, with this as first member

// The facts of a plan that has a block mask (flex), for the report.
typedef struct {
  bool present;
  int64_t block_rows, block_columns;
  int64_t full, partial, empty; // blocks, over all batches and heads
  double sparsity;              // empty / all
  int64_t build_ns;
} AttentionMaskFacts;

// How flex cuts its work; 0: as it likes.
typedef struct {
  int64_t block_rows, block_columns; // of the block mask; columns: a multiple of 128
  int64_t unit_rows, key_block;      // of the forward pass (flash_forward.h)
} FlexTiles;

// What a plan is made with.
typedef struct {
  const Kernels *kernels;
  Team *team;
  ScoreCompiler *compiler; // of flex, outlives the plan; NULL: mods are interpreted
  bool compiler_needed;    // a plan without its code is an error; false: then it is interpreted
  bool compile_later;      // calls are interpreted until the code is there
  const BoundMod *open;    // the problem's mod for any lengths: code for all; NULL: for the problem
  FlexTiles tiles;
} AttentionSetup;

typedef enum {
  ATTENTION_CODE_NONE, // nothing that code could be made of
  ATTENTION_CODE_INTERPRETED,
  ATTENTION_CODE_BUILDING, // interpreted until it is there
  ATTENTION_CODE_COMPILED,
} AttentionCodeState;

// The facts of a plan whose mods may be compiled (flex), for the report.
typedef struct {
  AttentionCodeState state;
  ScoreCodeFacts code;       // of COMPILED
  int64_t interpreted_calls; // passes that were interpreted so far, where code was asked for
  Error failed; // of INTERPRETED: why there is no code; ERROR_NONE: it was not asked for
} AttentionCodeFacts;

typedef struct {
  const char *name;   // "og-eager", "math", "efficient", "fav2", "fakv", "flex"; "cudnn", "fav3"
  const char *absent; // why this build cannot ("needs an NVIDIA GPU"); NULL: it can
  // false: *error says which part of the problem it cannot serve.
  bool (*supports)(const AttentionProblem *problem, bool backward, Error *error);
  // Bytes it needs beside operands, result and gradients; for the prediction before a shape runs.
  int64_t (*bytes)(const AttentionProblem *problem, bool backward, int threads);
  AttentionPlan *(*prepare)(const AttentionProblem *problem, bool backward,
                            const AttentionSetup *setup, Error *error);
  void (*release)(AttentionPlan *plan);
  // Allocates nothing. Writes all of *result.
  void (*forward)(AttentionPlan *plan, const AttentionOperands *operands,
                  const AttentionResult *result);
  // `result` is what forward wrote for these operands. Writes all of *gradients.
  void (*backward)(AttentionPlan *plan, const AttentionOperands *operands,
                   const AttentionResult *result, const Tensor *dout,
                   const AttentionGradients *gradients); // NULL: forward only
  AttentionMaskFacts (*mask)(const AttentionPlan *plan); // NULL: it has no block mask
  AttentionCodeFacts (*code)(const AttentionPlan *plan); // NULL: it compiles nothing
} AttentionBackend;

struct AttentionPlan {
  const AttentionBackend *backend;
  AttentionProblem problem; // its mod is the caller's
  const Kernels *kernels;
  Team *team;
};

// The rows of the table, each in the file of its name.
extern const AttentionBackend backend_og_eager, backend_math;
extern const AttentionBackend backend_efficient, backend_fav2, backend_fakv, backend_flex;

int attention_backend_count(void); // those not in this build included
const AttentionBackend *attention_backend_at(int index);
// Unknown: ERROR_ARGUMENT with the known names; absent: ERROR_UNSUPPORTED with why.
CHECKED const AttentionBackend *attention_backend_find(const char *name, Error *error);
// Checks what all need (shapes, dtype, head_dim ≤ ATTENTION_MOST_HEAD_DIM), then asks it.
CHECKED bool attention_backend_supports(const AttentionBackend *backend,
                                        const AttentionProblem *problem, bool backward,
                                        Error *error);
// Of a back end without one: not present.
AttentionMaskFacts attention_plan_mask(const AttentionPlan *plan);
AttentionCodeFacts attention_plan_code(const AttentionPlan *plan);
// Of two amounts of bytes where INT64_MAX is more than 64 bits count.
static inline int64_t attention_bytes_add(int64_t a, int64_t b) {
  return a > INT64_MAX - b ? INT64_MAX : a + b;
}
