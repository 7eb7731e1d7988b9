// SPDX-License-Identifier: Apache-2.0
// Attention as one operator that holds scores: forward a block of rows at a time, backward P and dS
// of a whole head at a time, in which first the rows and then the keys are shared among the
// threads. Every key takes part, also those that the mask hides: an infinity or a NaN in one
// reaches the result.
#include "attention/backend.h"
#include "attention/head_rows.h"
#include "attention/score_rows.h"
#include "base/memory.h"
#include <string.h>

enum { BLOCK = 96 }; // rows, or keys, of a unit of work

// Bytes of each part of a plan's memory.
typedef struct {
  int64_t line;   // floats of a row of scores: whole cache lines, an odd number of them
  int64_t scores; // of a block; backward: of a head, P and dS alike
  int64_t raw, rows, matmul, steps; // of one thread
  int64_t sums;                     // dk and dv of a key head
} Sizes;

typedef struct {
  AttentionPlan plan;
  ScoreSteps steps;
  Sizes sizes;
  Region memory;
  float *p, *ds;  // backward: [M][line]
  float *dk, *dv; // backward: [N][D]
  char *threads;
  int64_t thread_bytes;
} MathPlan;

// Where one thread works.
typedef struct {
  const MathPlan *math;
  float *scores, *raw; // [BLOCK][line]
  float *rows[2];      // [BLOCK][D]
  void *matmul, *steps;
} Bench;

typedef struct {
  MathPlan *math;
  const AttentionOperands *operands;
  const AttentionResult *result;
  const Tensor *dout;
  const AttentionGradients *gradients;
} Job;

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t aligned(int64_t floats) {
  int64_t bytes = floats * (int64_t)sizeof(float);
  return (bytes + MATRIX_ALIGNMENT - 1) / MATRIX_ALIGNMENT * MATRIX_ALIGNMENT;
}

static Sizes sizes_of(const AttentionProblem *problem, int64_t steps_bytes) {
  int64_t line = ((problem->keys + MATRIX_PANEL - 1) / MATRIX_PANEL | 1) * MATRIX_PANEL;
  return (Sizes){.line = line,
                 .scores = aligned(problem->queries * line),
                 .raw = aligned(BLOCK * line),
                 .rows = aligned(BLOCK * problem->head_dim),
                 .matmul = matmul_scratch_bytes(1),
                 .steps = steps_bytes,
                 .sums = aligned(problem->keys * problem->head_dim)};
}

static int64_t thread_bytes(const Sizes *sizes) {
  return 2 * sizes->raw + 2 * sizes->rows + sizes->matmul + sizes->steps;
}

static int64_t plan_bytes(const Sizes *sizes, bool backward, int threads) {
  return threads * thread_bytes(sizes) + (backward ? 2 * (sizes->scores + sizes->sums) : 0);
}

static bool math_supports(const AttentionProblem *problem, bool backward, Error *error) {
  (void)problem, (void)backward, (void)error;
  return true;
}

static int64_t math_bytes(const AttentionProblem *problem, bool backward, int threads) {
  Sizes sizes = sizes_of(problem, 0);
  return plan_bytes(&sizes, backward, threads);
}

static void math_release(AttentionPlan *plan) {
  MathPlan *math = (MathPlan *)plan;
  score_steps_close(&math->steps);
  region_unmap(&math->memory);
  memory_free(math);
}

static void place(MathPlan *math, bool backward) {
  const Sizes *sizes = &math->sizes;
  char *memory = math->memory.data;
  math->thread_bytes = thread_bytes(sizes);
  math->threads = memory;
  if (!backward) return;
  memory += team_size(math->plan.team) * math->thread_bytes;
  math->p = (float *)memory;
  math->ds = (float *)(memory + sizes->scores);
  math->dk = (float *)(memory + 2 * sizes->scores);
  math->dv = (float *)(memory + 2 * sizes->scores + sizes->sums);
}

static AttentionPlan *math_prepare(const AttentionProblem *problem, bool backward,
                                   const AttentionSetup *setup, Error *error) {
  const Kernels *kernels = setup->kernels;
  Team *team = setup->team;
  MathPlan *math = memory_allocate(sizeof *math);
  math->plan = (AttentionPlan){&backend_math, *problem, kernels, team};
  bool opened = score_steps_open(&math->steps, &math->plan.problem, kernels, error);
  math->sizes = sizes_of(problem, score_steps_scratch_bytes(&math->steps));
  size_t bytes = (size_t)plan_bytes(&math->sizes, backward, team_size(team));
  if (!opened || !region_map(&math->memory, bytes, error)) {
    math_release(&math->plan);
    return NULL;
  }
  place(math, backward);
  return &math->plan;
}

static Bench bench_at(const MathPlan *math, int thread) {
  const Sizes *sizes = &math->sizes;
  char *memory = math->threads + thread * math->thread_bytes;
  return (Bench){.math = math,
                 .scores = (float *)memory,
                 .raw = (float *)(memory + sizes->raw),
                 .rows = {(float *)(memory + 2 * sizes->raw),
                          (float *)(memory + 2 * sizes->raw + sizes->rows)},
                 .matmul = memory + 2 * sizes->raw + 2 * sizes->rows,
                 .steps = memory + 2 * sizes->raw + 2 * sizes->rows + sizes->matmul};
}

// A product of one thread; b: all rows of one head of a tensor.
static void multiply(const Bench *bench, Matmul product, const Tensor *b, int64_t batch,
                     int64_t head) {
  product.batches = product.heads = product.group = 1;
  product.dtype = b->dtype;
  product.b = head_row(b, batch, head, 0);
  product.b_row = b->stride[2];
  product.scratch = bench->matmul;
  matmul_run_part(bench->math->plan.kernels, &product, 0, 1);
}

// c [rows, N] = a [rows, D] bᵀ
static void multiply_keys(const Bench *bench, int64_t rows, const float *a, const Tensor *b,
                          int64_t batch, int64_t head, float *c) {
  const AttentionProblem *problem = &bench->math->plan.problem;
  multiply(bench,
           (Matmul){.transposed = true,
                    .rows = rows,
                    .columns = problem->keys,
                    .depth = problem->head_dim,
                    .a = a,
                    .a_row = problem->head_dim,
                    .c = c,
                    .c_row = bench->math->sizes.line},
           b, batch, head);
}

// c [rows, D] = a [rows, N] b
static void multiply_scores(const Bench *bench, int64_t rows, const float *a, const Tensor *b,
                            int64_t batch, int64_t head, float *c) {
  const AttentionProblem *problem = &bench->math->plan.problem;
  multiply(bench,
           (Matmul){.rows = rows,
                    .columns = problem->head_dim,
                    .depth = problem->keys,
                    .a = a,
                    .a_row = bench->math->sizes.line,
                    .c = c,
                    .c_row = problem->head_dim},
           b, batch, head);
}

// A block of rows of one head.
typedef struct {
  ScoreRows rows;
  int64_t kv_head;
} Block;

static Block block_at(const MathPlan *math, int64_t batch, int64_t head, int64_t first) {
  const AttentionProblem *problem = &math->plan.problem;
  return (Block){{.batch = batch,
                  .head = head,
                  .query = first,
                  .rows = smaller(BLOCK, problem->queries - first),
                  .stride = math->sizes.line},
                 head / (problem->heads / problem->kv_heads)};
}

// Scores of the block up to the softmax; raw: a copy of them before score_mod, or NULL.
static void find_scores(const Bench *bench, const Job *job, const Block *block, float *scores,
                        float *raw) {
  const MathPlan *math = bench->math;
  const ScoreRows *rows = &block->rows;
  int64_t width = math->plan.problem.head_dim;
  head_rows_load(math->plan.kernels, &job->operands->q, rows->batch, rows->head, rows->query,
                 rows->rows, bench->rows[0], width);
  multiply_keys(bench, rows->rows, bench->rows[0], &job->operands->k, rows->batch, block->kv_head,
                scores);
  score_rows_scale(&math->steps, rows, scores);
  if (raw) memcpy(raw, scores, (size_t)(rows->rows * rows->stride) * sizeof *raw);
  score_rows_modify(&math->steps, rows, scores, bench->steps);
  score_rows_mask(&math->steps, rows, scores, bench->steps);
}

static void forward_block(const Bench *bench, const Job *job, const Block *block) {
  const MathPlan *math = bench->math;
  const AttentionProblem *problem = &math->plan.problem;
  const ScoreRows *rows = &block->rows;
  int64_t row = (rows->batch * problem->heads + rows->head) * problem->queries + rows->query;
  find_scores(bench, job, block, bench->scores, NULL);
  score_rows_softmax(&math->steps, rows, bench->scores,
                     job->result->lse ? job->result->lse + row : NULL);
  multiply_scores(bench, rows->rows, bench->scores, &job->operands->v, rows->batch, block->kv_head,
                  bench->rows[1]);
  head_rows_store(math->plan.kernels, &job->result->out, rows->batch, rows->head, rows->query,
                  rows->rows, 1.0f, bench->rows[1], problem->head_dim);
}

static void forward_task(void *context, int thread, int threads) {
  const Job *job = context;
  const AttentionProblem *problem = &job->math->plan.problem;
  int64_t blocks = (problem->queries + BLOCK - 1) / BLOCK, begin, end;
  Bench bench = bench_at(job->math, thread);
  team_share(problem->batch * problem->heads * blocks, 1, thread, threads, &begin, &end);
  for (int64_t i = begin; i < end; i++) {
    int64_t head = i / blocks;
    Block block =
        block_at(job->math, head / problem->heads, head % problem->heads, i % blocks * BLOCK);
    forward_block(&bench, job, &block);
  }
}

// P, dS and dq of a block of rows.
static void backward_rows(const Bench *bench, const Job *job, const Block *block) {
  const MathPlan *math = bench->math;
  const ScoreRows *rows = &block->rows;
  int64_t width = math->plan.problem.head_dim;
  float *p = math->p + rows->query * rows->stride, *ds = math->ds + rows->query * rows->stride;
  find_scores(bench, job, block, p, math->steps.derived ? bench->raw : NULL);
  score_rows_softmax(&math->steps, rows, p, NULL);
  head_rows_load(math->plan.kernels, job->dout, rows->batch, rows->head, rows->query, rows->rows,
                 bench->rows[0], width);
  multiply_keys(bench, rows->rows, bench->rows[0], &job->operands->v, rows->batch, block->kv_head,
                ds);
  score_rows_gradients(&math->steps, rows, p, ds);
  score_rows_derive(&math->steps, rows, bench->raw, p, ds, bench->steps);
  multiply_scores(bench, rows->rows, ds, &job->operands->k, rows->batch, block->kv_head,
                  bench->rows[1]);
  head_rows_store(math->plan.kernels, &job->gradients->dq, rows->batch, rows->head, rows->query,
                  rows->rows, (float)math->plan.problem.scale, bench->rows[1], width);
}

// sums [keys] = or += weightsᵀ b over all rows of the head, for keys [first, first + count).
static void add_keys(const Bench *bench, const float *weights, const Tensor *b, int64_t batch,
                     int64_t head, int64_t first, int64_t count, bool begun, float *sums) {
  const AttentionProblem *problem = &bench->math->plan.problem;
  int64_t width = problem->head_dim;
  float *c = begun ? bench->rows[0] : sums + first * width;
  multiply(bench,
           (Matmul){.a_transposed = true,
                    .rows = count,
                    .columns = width,
                    .depth = problem->queries,
                    .a = weights + first,
                    .a_row = bench->math->sizes.line,
                    .c = c,
                    .c_row = width},
           b, batch, head);
  if (begun)
    bench->math->plan.kernels->add(count * width, sums + first * width, c, sums + first * width);
}

// dk and dv of a block of keys; the last head of the group stores them.
static void backward_keys(const Bench *bench, const Job *job, int64_t batch, int64_t head,
                          int64_t first) {
  const MathPlan *math = bench->math;
  const AttentionProblem *problem = &math->plan.problem;
  int64_t group = problem->heads / problem->kv_heads, width = problem->head_dim;
  int64_t count = smaller(BLOCK, problem->keys - first);
  bool begun = head % group > 0;
  add_keys(bench, math->p, job->dout, batch, head, first, count, begun, math->dv);
  add_keys(bench, math->ds, &job->operands->q, batch, head, first, count, begun, math->dk);
  if (head % group < group - 1) return;
  const Kernels *kernels = math->plan.kernels;
  head_rows_store(kernels, &job->gradients->dk, batch, head / group, first, count,
                  (float)problem->scale, math->dk + first * width, width);
  head_rows_store(kernels, &job->gradients->dv, batch, head / group, first, count, 1.0f,
                  math->dv + first * width, width);
}

static void backward_task(void *context, int thread, int threads) {
  const Job *job = context;
  const MathPlan *math = job->math;
  const AttentionProblem *problem = &math->plan.problem;
  Bench bench = bench_at(math, thread);
  for (int64_t i = 0; i < problem->batch * problem->heads; i++) {
    int64_t batch = i / problem->heads, head = i % problem->heads, begin, end;
    team_share(problem->queries, BLOCK, thread, threads, &begin, &end);
    for (int64_t row = begin; row < end; row += BLOCK) {
      Block block = block_at(math, batch, head, row);
      backward_rows(&bench, job, &block);
    }
    team_barrier(math->plan.team);
    team_share(problem->keys, BLOCK, thread, threads, &begin, &end);
    for (int64_t key = begin; key < end; key += BLOCK) backward_keys(&bench, job, batch, head, key);
    team_barrier(math->plan.team);
  }
}

static void math_forward(AttentionPlan *plan, const AttentionOperands *operands,
                         const AttentionResult *result) {
  Job job = {.math = (MathPlan *)plan, .operands = operands, .result = result};
  team_run(plan->team, forward_task, &job);
}

static void math_backward(AttentionPlan *plan, const AttentionOperands *operands,
                          const AttentionResult *result, const Tensor *dout,
                          const AttentionGradients *gradients) {
  Job job = {(MathPlan *)plan, operands, result, dout, gradients};
  team_run(plan->team, backward_task, &job);
}

const AttentionBackend backend_math = {.name = "math",
                                       .supports = math_supports,
                                       .bytes = math_bytes,
                                       .prepare = math_prepare,
                                       .release = math_release,
                                       .forward = math_forward,
                                       .backward = math_backward};
