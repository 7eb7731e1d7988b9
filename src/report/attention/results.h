// SPDX-License-Identifier: Apache-2.0
// The results of a sweep of attention as they lie in its result file (docs/results.md), ready for
// printers. Everything points into the document, which is owned.
#pragma once
#include "report/report.h"

typedef struct {
  bool there;
  int64_t count;
  double median; // seconds
  double noise;  // half the 95 % interval of the median, as a share of it; NaN: not known
} AttentionTime;

// One pass of one back end. Rates are of the warm median; NaN where not known.
typedef struct {
  bool there;
  AttentionTime warm, cold; // cold: with flushed caches, if that was asked for
  double tflop_per_s, tb_per_s;
  double share_of_fma, share_of_read;
  double flex_speedup; // this time / that of flex
} AttentionPass;

enum { ATTENTION_PASSES = 2 };
extern const char *const attention_pass_names[ATTENTION_PASSES]; // "forward", "backward"

typedef struct {
  const char *name;
  RowStatus status;
  const char *reason; // why it was not measured; ""
  bool valid;         // the verdict
  double error, bound;
  const char *worst; // which result had that error: "out", "dq", …
  AttentionPass pass[ATTENTION_PASSES];
  const json_t *source;
} AttentionRun;

typedef struct {
  const char *label; // "causal, B 2, Hq 16, M 1024, Hkv 16, N 1024, D 64"
  const char *mod, *dtype;
  int64_t batch, heads, queries, kv_heads, keys, head_dim;
  RowStatus status;
  const char *reason;
  ARRAY_OF(AttentionRun) runs; // in the order asked, flex last
  const json_t *source;
} AttentionRow;

typedef ARRAY_OF(const char *) AttentionNames;

typedef struct {
  json_t *document;
  const json_t *sweep; // its "sweep" object
  ARRAY_OF(AttentionRow) rows;
  AttentionNames backends; // every name that a row has, flex last
} AttentionResults;

// Whether a result file is of a sweep of attention.
bool attention_results_are(const json_t *document);
// From a document (borrowed; a reference is kept). `name` goes into errors.
CHECKED bool attention_results_make(const json_t *document, const char *name,
                                    AttentionResults *results, Error *error);
void attention_results_free(AttentionResults *results); // a zero one is fine
// The back end of that name; NULL: the row has none.
const AttentionRun *attention_row_run(const AttentionRow *row, const char *backend);
// Whether any pass of that number was measured.
bool attention_results_have(const AttentionResults *results, int pass);
// The largest of a ceiling of the cells ("fma_gflop_per_s", …), which nothing but other work
// lowers; NaN: none.
double attention_results_ceiling(const AttentionResults *results, const char *key);
// A key of the sweep's configuration; NULL: absent.
const json_t *attention_results_config(const AttentionResults *results, const char *key);
// Whether two rows differ in batch and lengths alone: mod, dtype, heads, head dimension and
// whether they decode are equal.
bool attention_row_same_family(const AttentionRow *a, const AttentionRow *b);
// "causal, 16 query heads on 2 key heads of 64, bfloat16"
char *attention_row_family(const AttentionRow *row, char *buffer, size_t size);
