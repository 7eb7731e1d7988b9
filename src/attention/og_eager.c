// SPDX-License-Identifier: Apache-2.0
// Attention as the plain composition of operators, each over all scores of all heads before the
// next begins: product, scale, score_mod, mask, softmax, product; backward their gradients in
// reverse order. Every key takes part, also those that the mask hides: an infinity or a NaN in one
// reaches the result.
#include "attention/backend.h"
#include "attention/head_rows.h"
#include "attention/score_rows.h"
#include "base/memory.h"
#include <string.h>

// Bytes of each part of a plan's memory.
typedef struct {
  int64_t line;          // floats of a row of scores: whole cache lines, an odd number of them
  int64_t scores;        // [B, Hq, M][line]: S and P; backward: dP and dS, and a copy of S, too
  int64_t queries;       // float32 [B, Hq, M, D]: q or dout
  int64_t results;       // float32 [B, Hq, M or N, D]: what a product gives, before it is stored
  int64_t matmul, steps; // of all threads, of one
} Sizes;

typedef struct {
  AttentionPlan plan;
  ScoreSteps steps;
  Sizes sizes;
  Region memory;
  float *scores, *products, *raw; // backward: the last two; raw where score_mod has a derivative
  float *queries, *results;
  void *matmul;
  char *scratch; // of the steps
} OgEager;

// An operator over rows of scores of one head.
typedef void Step(const OgEager *eager, const ScoreRows *rows, int64_t at, float *lse,
                  void *scratch);

typedef struct {
  const OgEager *eager;
  Step *step;
  float *lse;
} StepJob;

static int64_t aligned(int64_t floats) {
  int64_t bytes = floats * (int64_t)sizeof(float);
  return (bytes + MATRIX_ALIGNMENT - 1) / MATRIX_ALIGNMENT * MATRIX_ALIGNMENT;
}

static Sizes sizes_of(const AttentionProblem *problem, int64_t steps_bytes, int threads) {
  int64_t line = ((problem->keys + MATRIX_PANEL - 1) / MATRIX_PANEL | 1) * MATRIX_PANEL;
  int64_t heads = problem->batch * problem->heads;
  int64_t most = problem->queries > problem->keys ? problem->queries : problem->keys;
  return (Sizes){.line = line,
                 .scores = aligned(heads * problem->queries * line),
                 .queries = aligned(heads * problem->queries * problem->head_dim),
                 .results = aligned(heads * most * problem->head_dim),
                 .matmul = matmul_scratch_bytes(threads),
                 .steps = steps_bytes};
}

static int score_copies(bool backward, bool derived) {
  return 1 + backward + (backward && derived);
}

static int64_t plan_bytes(const Sizes *sizes, int copies, int threads) {
  return copies * sizes->scores + sizes->queries + sizes->results + sizes->matmul +
         threads * sizes->steps;
}

static bool eager_supports(const AttentionProblem *problem, bool backward, Error *error) {
  (void)problem, (void)backward, (void)error;
  return true;
}

static int64_t eager_bytes(const AttentionProblem *problem, bool backward, int threads) {
  Sizes sizes = sizes_of(problem, 0, threads);
  bool derived = problem->mod && problem->mod->derivative.count > 0;
  return plan_bytes(&sizes, score_copies(backward, derived), threads);
}

static void eager_release(AttentionPlan *plan) {
  OgEager *eager = (OgEager *)plan;
  score_steps_close(&eager->steps);
  region_unmap(&eager->memory);
  memory_free(eager);
}

static void place(OgEager *eager, int copies) {
  const Sizes *sizes = &eager->sizes;
  char *memory = eager->memory.data;
  eager->scores = (float *)memory;
  eager->products = (float *)(memory + sizes->scores);
  eager->raw = (float *)(memory + 2 * sizes->scores);
  memory += copies * sizes->scores;
  eager->queries = (float *)memory;
  eager->results = (float *)(memory + sizes->queries);
  eager->matmul = memory + sizes->queries + sizes->results;
  eager->scratch = (char *)eager->matmul + sizes->matmul;
}

static AttentionPlan *eager_prepare(const AttentionProblem *problem, bool backward,
                                    const AttentionSetup *setup, Error *error) {
  const Kernels *kernels = setup->kernels;
  Team *team = setup->team;
  OgEager *eager = memory_allocate(sizeof *eager);
  eager->plan = (AttentionPlan){&backend_og_eager, *problem, kernels, team};
  bool opened = score_steps_open(&eager->steps, &eager->plan.problem, kernels, error);
  eager->sizes = sizes_of(problem, score_steps_scratch_bytes(&eager->steps), team_size(team));
  int copies = score_copies(backward, eager->steps.derived);
  size_t bytes = (size_t)plan_bytes(&eager->sizes, copies, team_size(team));
  if (!opened || !region_map(&eager->memory, bytes, error)) {
    eager_release(&eager->plan);
    return NULL;
  }
  place(eager, copies);
  return &eager->plan;
}

// Rows [begin, end) of all heads one after another: `count` of them from `at` on lie in one head.
static int64_t rows_at(const OgEager *eager, int64_t at, int64_t end, ScoreRows *rows) {
  const AttentionProblem *problem = &eager->plan.problem;
  int64_t head = at / problem->queries, query = at % problem->queries;
  int64_t count = end - at < problem->queries - query ? end - at : problem->queries - query;
  *rows =
      (ScoreRows){head / problem->heads, head % problem->heads, query, count, eager->sizes.line};
  return count;
}

static void step_task(void *context, int thread, int threads) {
  const StepJob *job = context;
  const OgEager *eager = job->eager;
  const AttentionProblem *problem = &eager->plan.problem;
  int64_t begin, end, count;
  team_share(problem->batch * problem->heads * problem->queries, 1, thread, threads, &begin, &end);
  for (int64_t at = begin; at < end; at += count) {
    ScoreRows rows;
    count = rows_at(eager, at, end, &rows);
    job->step(eager, &rows, at * eager->sizes.line, job->lse ? job->lse + at : NULL,
              eager->scratch + thread * eager->sizes.steps);
  }
}

static void run_step(const OgEager *eager, Step *step, float *lse) {
  StepJob job = {eager, step, lse};
  team_run(eager->plan.team, step_task, &job);
}

static void scale_scores(const OgEager *eager, const ScoreRows *rows, int64_t at, float *lse,
                         void *scratch) {
  (void)lse, (void)scratch;
  score_rows_scale(&eager->steps, rows, eager->scores + at);
}

static void copy_scores(const OgEager *eager, const ScoreRows *rows, int64_t at, float *lse,
                        void *scratch) {
  (void)lse, (void)scratch;
  memcpy(eager->raw + at, eager->scores + at, (size_t)(rows->rows * rows->stride) * sizeof(float));
}

static void modify_scores(const OgEager *eager, const ScoreRows *rows, int64_t at, float *lse,
                          void *scratch) {
  (void)lse;
  score_rows_modify(&eager->steps, rows, eager->scores + at, scratch);
}

static void mask_scores(const OgEager *eager, const ScoreRows *rows, int64_t at, float *lse,
                        void *scratch) {
  (void)lse;
  score_rows_mask(&eager->steps, rows, eager->scores + at, scratch);
}

static void softmax_scores(const OgEager *eager, const ScoreRows *rows, int64_t at, float *lse,
                           void *scratch) {
  (void)scratch;
  score_rows_softmax(&eager->steps, rows, eager->scores + at, lse);
}

static void find_gradients(const OgEager *eager, const ScoreRows *rows, int64_t at, float *lse,
                           void *scratch) {
  (void)lse, (void)scratch;
  score_rows_gradients(&eager->steps, rows, eager->scores + at, eager->products + at);
}

static void derive_gradients(const OgEager *eager, const ScoreRows *rows, int64_t at, float *lse,
                             void *scratch) {
  (void)lse;
  score_rows_derive(&eager->steps, rows, eager->raw + at, eager->scores + at, eager->products + at,
                    scratch);
}

static void scale_gradients(const OgEager *eager, const ScoreRows *rows, int64_t at, float *lse,
                            void *scratch) {
  (void)lse, (void)scratch;
  score_rows_scale(&eager->steps, rows, eager->products + at);
}

// Between a tensor and dense float32 of all its heads, `group` of which are added to one.
typedef struct {
  const Kernels *kernels;
  const Tensor *tensor;
  float *floats; // [B, H * group, S, D]
  int64_t group;
  bool load;
} CopyJob;

static void add_group(const CopyJob *job, float *floats, int64_t count) {
  for (int64_t i = 1; i < job->group; i++)
    job->kernels->add(count, floats, floats + i * count, floats);
}

static void copy_task(void *context, int thread, int threads) {
  const CopyJob *job = context;
  const Tensor *x = job->tensor;
  int64_t begin, end, count = x->shape[2] * x->shape[3];
  team_share(x->shape[0] * x->shape[1], 1, thread, threads, &begin, &end);
  for (int64_t i = begin; i < end; i++) {
    int64_t batch = i / x->shape[1], head = i % x->shape[1];
    float *floats = job->floats + i * job->group * count;
    if (job->load) {
      head_rows_load(job->kernels, x, batch, head, 0, x->shape[2], floats, x->shape[3]);
      continue;
    }
    add_group(job, floats, count);
    head_rows_store(job->kernels, x, batch, head, 0, x->shape[2], 1.0f, floats, x->shape[3]);
  }
}

static void load_queries(const OgEager *eager, const Tensor *x) {
  CopyJob job = {eager->plan.kernels, x, eager->queries, 1, true};
  team_run(eager->plan.team, copy_task, &job);
}

static void store_results(const OgEager *eager, const Tensor *x) {
  CopyJob job = {eager->plan.kernels, x, eager->results, eager->plan.problem.heads / x->shape[1],
                 false};
  team_run(eager->plan.team, copy_task, &job);
}

static void multiply(const OgEager *eager, Matmul product, const Tensor *b) {
  const AttentionProblem *problem = &eager->plan.problem;
  product.batches = problem->batch;
  product.heads = problem->heads;
  product.group = problem->heads / b->shape[1];
  product.a_batch = problem->heads * product.a_head;
  product.dtype = b->dtype;
  product.b = b->data;
  product.b_row = b->stride[2];
  product.b_head = b->stride[1];
  product.b_batch = b->stride[0];
  product.c_batch = problem->heads * product.c_head;
  product.scratch = eager->matmul;
  matmul_run(eager->plan.kernels, eager->plan.team, &product);
}

// c [M, N] = queries [M, D] bᵀ: S from q and k, dP from dout and v.
static void multiply_queries(const OgEager *eager, const Tensor *b, float *c) {
  const AttentionProblem *problem = &eager->plan.problem;
  multiply(eager,
           (Matmul){.transposed = true,
                    .rows = problem->queries,
                    .columns = problem->keys,
                    .depth = problem->head_dim,
                    .a = eager->queries,
                    .a_row = problem->head_dim,
                    .a_head = problem->queries * problem->head_dim,
                    .c = c,
                    .c_row = eager->sizes.line,
                    .c_head = problem->queries * eager->sizes.line},
           b);
}

// results [M, D] = a [M, N] b: out from P and v, dq from dS and k.
static void multiply_scores(const OgEager *eager, const float *a, const Tensor *b) {
  const AttentionProblem *problem = &eager->plan.problem;
  multiply(eager,
           (Matmul){.rows = problem->queries,
                    .columns = problem->head_dim,
                    .depth = problem->keys,
                    .a = a,
                    .a_row = eager->sizes.line,
                    .a_head = problem->queries * eager->sizes.line,
                    .c = eager->results,
                    .c_row = problem->head_dim,
                    .c_head = problem->queries * problem->head_dim},
           b);
}

// results [N, D] = a [M, N]ᵀ b, of every query head: dv from P and dout, dk from dS and q.
static void multiply_transposed(const OgEager *eager, const float *a, const Tensor *b) {
  const AttentionProblem *problem = &eager->plan.problem;
  multiply(eager,
           (Matmul){.a_transposed = true,
                    .rows = problem->keys,
                    .columns = problem->head_dim,
                    .depth = problem->queries,
                    .a = a,
                    .a_row = eager->sizes.line,
                    .a_head = problem->queries * eager->sizes.line,
                    .c = eager->results,
                    .c_row = problem->head_dim,
                    .c_head = problem->keys * problem->head_dim},
           b);
}

static void find_probabilities(const OgEager *eager, const AttentionOperands *operands, bool keep,
                               float *lse) {
  load_queries(eager, &operands->q);
  multiply_queries(eager, &operands->k, eager->scores);
  run_step(eager, scale_scores, NULL);
  if (keep) run_step(eager, copy_scores, NULL);
  if (eager->steps.scored) run_step(eager, modify_scores, NULL);
  if (eager->steps.masked) run_step(eager, mask_scores, NULL);
  run_step(eager, softmax_scores, lse);
}

static void eager_forward(AttentionPlan *plan, const AttentionOperands *operands,
                          const AttentionResult *result) {
  const OgEager *eager = (const OgEager *)plan;
  find_probabilities(eager, operands, false, result->lse);
  multiply_scores(eager, eager->scores, &operands->v);
  store_results(eager, &result->out);
}

static void eager_backward(AttentionPlan *plan, const AttentionOperands *operands,
                           const AttentionResult *result, const Tensor *dout,
                           const AttentionGradients *gradients) {
  const OgEager *eager = (const OgEager *)plan;
  (void)result;
  find_probabilities(eager, operands, eager->steps.derived, NULL);
  multiply_transposed(eager, eager->scores, dout);
  store_results(eager, &gradients->dv);
  load_queries(eager, dout);
  multiply_queries(eager, &operands->v, eager->products);
  run_step(eager, find_gradients, NULL);
  if (eager->steps.derived) run_step(eager, derive_gradients, NULL);
  run_step(eager, scale_gradients, NULL);
  multiply_scores(eager, eager->products, &operands->k);
  store_results(eager, &gradients->dq);
  multiply_transposed(eager, eager->products, &operands->q);
  store_results(eager, &gradients->dk);
}

const AttentionBackend backend_og_eager = {.name = "og-eager",
                                           .supports = eager_supports,
                                           .bytes = eager_bytes,
                                           .prepare = eager_prepare,
                                           .release = eager_release,
                                           .forward = eager_forward,
                                           .backward = eager_backward};
